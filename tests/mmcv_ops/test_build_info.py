"""What OpenMMLab's logs say about the operators."""

import cnxv2_mm


def test_the_log_says_who_supplies_the_operators():
    from mmcv.ops import get_compiler_version, get_compiling_cuda_version

    assert get_compiler_version() == f"not compiled (operators supplied by cnxv2_mm {cnxv2_mm.__version__})"
    assert get_compiling_cuda_version() == "not compiled"
