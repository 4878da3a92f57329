"""Measures of a network.

- ``reconstruction.py``: how well a pre-trained model paints hidden patches
- ``flops.py``: parameters and operations of a model, part by part
"""

from cnxv2_mm.analysis.reconstruction import ReconstructionLoss

__all__ = ["ReconstructionLoss"]
