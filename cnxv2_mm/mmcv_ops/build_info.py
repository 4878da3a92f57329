"""The answers of ``mmcv.ops.get_compiler_version`` and of its CUDA twin, which every OpenMMLab training log prints."""

from cnxv2_mm.version import __version__


def get_compiler_version() -> str:
    """Return, in the place of a compiler's name, that there was none and who supplies mmcv's operators."""
    return f"not compiled (operators supplied by cnxv2_mm {__version__})"


def get_compiling_cuda_version() -> str:
    """Return, in the place of a CUDA version, that nothing was compiled: torch and torchvision do the work on a GPU."""
    return "not compiled"
