"""The parts of ``tools/demo.py``: the data it makes, the tasks it runs, the scores and the sheet it writes."""
