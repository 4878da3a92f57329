"""Speed and memory of ConvNeXt V2 and its peers: how they are checked, timed and shown, and what was measured.

``python tools/benchmark.py`` is the command, ``results/`` holds what it has measured.
"""
