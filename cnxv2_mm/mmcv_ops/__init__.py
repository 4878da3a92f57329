"""The operators that an mmcv installed without its compiled part is missing.

A plain ``pip install onedl-mmcv`` (or ``mmcv-lite``) brings no ``mmcv._ext``, the compiled module behind ``mmcv.ops``,
and then ``import mmdet.models`` fails. :func:`install` supplies that module: the operators that detectors, those of
rotated boxes too, and segmenters need come from torchvision or plain PyTorch, on CPU and GPU; the others raise an error
that names them. A compiled mmcv that loads is always preferred and never touched.
"""

from cnxv2_mm.mmcv_ops.stand_in import install

__all__ = ["install"]
