"""Measures of what a network has learnt."""

from cnxv2_mm.analysis.reconstruction import ReconstructionLoss

__all__ = ["ReconstructionLoss"]
