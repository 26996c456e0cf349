"""Measurements of Steadfit beside its peers: `python -m benchmarks NAME [--quick] [--json]`."""
