"""The paper's claims on two CPU cores: the same comparisons on a small data set, three seeds each.

- ``settings.py``: every number that was chosen, before any result was seen
- ``arms.py``: what is compared
- ``fashion.py``: the data set, Fashion-MNIST from a Debian package
- ``pretraining.py``, ``classification.py``, ``transfer.py``: the trainings
- ``probes.py``: what is measured of an encoder
- ``runs.py``: one arm with one seed, from random weights to a result on disk
- ``summary.py``, ``plots.py``, ``page.py``: means and deviations, pictures, docs/evidence.md
"""
