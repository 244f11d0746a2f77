"""The project's own performance figures. `python -m benchmarks` runs all; each module is one figure and one command."""
