"""Labelled data that are made, not downloaded: seeded, numpy only. They train and score the small models."""
