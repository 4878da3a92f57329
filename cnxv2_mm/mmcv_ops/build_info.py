"""What ``mmcv.ops.get_compiler_version`` and its CUDA twin say, printed in every OpenMMLab training log."""

from cnxv2_mm.version import __version__


def get_compiler_version() -> str:
    """Return the compiler of mmcv's operators: none, and who supplies them."""
    return f"not compiled (operators supplied by cnxv2_mm {__version__})"


def get_compiling_cuda_version() -> str:
    """Return the CUDA toolkit of mmcv's operators: none; on a GPU they run through torch and torchvision."""
    return "not compiled"
