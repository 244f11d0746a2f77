"""The history of ratios for people: one page, a table for terminals, CSV and JSON. From values to text; pure."""
