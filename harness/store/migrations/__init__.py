"""Alembic migrations of the results store, run on demand by `harness.store.schema`.

To add one: write `versions/NNNN_what.py` with the next number, by hand and with batch operations, naming tables and
columns literally (never importing `tables`, which moves on); append the number to `schema.Revisions.known`.
"""
