"""Exported models beside PyTorch: the same numbers, the size of the files, and milliseconds on this processor.

- ``models.py``: which models: published configs with our backbone, or trained ones.
- ``random_heads.py``: random weights whose scores are spread like those of a trained model.
- ``targets.py``: what runs a model: PyTorch, compiled or not, and the files.
- ``measure.py``: compares the numbers of all, then times them in turn.
- ``results.py``: the file with what was measured, model by model.
- ``report.py``: the tables of ``docs/export.md``.
- ``int8.py``: a command of its own: what INT8 costs and gives a classifier and a backbone.
"""
