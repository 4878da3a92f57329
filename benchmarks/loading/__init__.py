"""How many images a second a core loads for pre-training: our pipeline, the former one, and the libraries'.

``python tools/benchmark.py loading`` is the command, ``results.json`` and ``results.md`` hold what it has measured.
"""
