"""Comparisons for people and programs: a run along one axis, two stored runs, and the outcomes of an A/B run.

Pure functions from values to text; `FORMATS` are the forms there are.
"""

FORMATS = ("terminal", "csv", "html", "markdown")
