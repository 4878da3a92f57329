import cnxv2_mm  # noqa: F401  supplies mmcv's operators to the tests that import mmcv or mmdet first
