"""The sides of the benchmarks: each file runs in one environment and imports no other's library."""
