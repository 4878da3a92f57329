"""The rooms of ``tools/benchmark.py``: peers, one family per file, and how they are checked, timed and shown."""
