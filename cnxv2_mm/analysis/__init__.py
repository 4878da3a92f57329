"""Measures of a network.

- ``reconstruction.py``: how well a pre-trained model paints hidden patches
- ``activations.py``: what goes through the layers, seen while the network runs
- ``feature_distance.py``: how different the channels of a layer are (figure 4 of the paper)
- ``channel_activity.py``: dead and saturated channels (figure 3)
- ``class_selectivity.py``: how much each channel prefers one class (figure 7)
- ``rank.py``: singular values of the features, and RankMe
- ``nearest_neighbours.py``, ``linear_probe.py``: what frozen features tell about classes
- ``flops.py``: parameters and operations of a model, part by part
"""

from cnxv2_mm.analysis.reconstruction import ReconstructionLoss

__all__ = ["ReconstructionLoss"]
