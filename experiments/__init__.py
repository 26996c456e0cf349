"""The papers' claims, run again: `python -m experiments NAME [--quick] [--json] [--seeds K]`."""
