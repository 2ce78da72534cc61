"""``docs/explanation/performance.md`` and its plots, made of the benchmarks' lines and of ``bench/texts``."""
