"""Model recipes: one file each, loaded by path; see docs/preparing.md."""
