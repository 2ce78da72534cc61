"""Benchmarks: each runs what is compared side by side in one run, and prints one line of JSON."""
