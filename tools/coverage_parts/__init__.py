"""What ``tools/swap_coverage.py`` is made of.

Published configs, offline building, demo-like batches, one training step, one prediction, the walk over fresh
processes, the report.
"""
