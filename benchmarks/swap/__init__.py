"""How many published configs the swap can handle: the walk over all of them, and what it found.

``python -m benchmarks.swap`` is the command, ``coverage.json`` and ``coverage.md`` hold the last whole walk.
"""
