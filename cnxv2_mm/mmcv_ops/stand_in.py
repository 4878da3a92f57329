"""A module object that stands in for ``mmcv._ext``.

``mmcv.ops`` finds its compiled module with ``importlib.import_module`` and asserts, for every operator of every file,
that the name exists; ``mmengine`` looks it up with ``importlib.util.find_spec``; ``mmcv`` itself with
``pkgutil.find_loader``. The stand-in therefore carries a real spec with a loader, and has an attribute for every
operator name. The operators' files are imported when first asked for, so that importing ``cnxv2_mm`` stays cheap.
"""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, NoReturn

NAME = "mmcv._ext"

# Operator name in mmcv._ext -> file of this package that implements it.
IMPLEMENTED_IN = {
    "active_rotated_filter_backward": "rotated_features",
    "active_rotated_filter_forward": "rotated_features",
    "box_iou_quadri": "rotated_boxes",
    "box_iou_rotated": "rotated_boxes",
    "carafe_backward": "carafe",
    "carafe_forward": "carafe",
    "carafe_naive_backward": "carafe",
    "carafe_naive_forward": "carafe",
    "chamfer_distance_backward": "point_sets",
    "chamfer_distance_forward": "point_sets",
    "convex_giou": "point_sets",
    "convex_iou": "point_sets",
    "deform_conv_backward_input": "deform_conv",
    "deform_conv_backward_parameters": "deform_conv",
    "deform_conv_forward": "deform_conv",
    "diff_iou_rotated_sort_vertices_forward": "diff_iou_rotated",
    "get_compiler_version": "build_info",
    "get_compiling_cuda_version": "build_info",
    "min_area_polygons": "point_sets",
    "modulated_deform_conv_backward": "deform_conv",
    "modulated_deform_conv_forward": "deform_conv",
    "ms_deform_attn_backward": "ms_deform_attn",
    "ms_deform_attn_forward": "ms_deform_attn",
    "nms": "nms",
    "nms_match": "nms",
    "nms_quadri": "rotated_boxes",
    "nms_rotated": "rotated_boxes",
    "points_in_polygons_forward": "point_sets",
    "psamask_backward": "psa_mask",
    "psamask_forward": "psa_mask",
    "riroi_align_rotated_backward": "roi_align_rotated",
    "riroi_align_rotated_forward": "roi_align_rotated",
    "roi_align_backward": "roi_align",
    "roi_align_forward": "roi_align",
    "roi_align_rotated_backward": "roi_align_rotated",
    "roi_align_rotated_forward": "roi_align_rotated",
    "roi_pool_backward": "roi_pool",
    "roi_pool_forward": "roi_pool",
    "rotated_feature_align_backward": "rotated_features",
    "rotated_feature_align_forward": "rotated_features",
    "sigmoid_focal_loss_backward": "focal_loss",
    "sigmoid_focal_loss_forward": "focal_loss",
    "softmax_focal_loss_backward": "focal_loss",
    "softmax_focal_loss_forward": "focal_loss",
    "softnms": "nms",
}


class MissingOperator:
    """An operator that only a compiled mmcv has; it can be looked up, as ``mmcv.ops`` does, but not called."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise ``NotImplementedError``, naming the operator and the way out."""
        raise NotImplementedError(
            f"mmcv operator '{self.name}' exists only in compiled code: mmcv was installed without its compiled part "
            "(mmcv._ext), and the replacements in cnxv2_mm.mmcv_ops do not cover this operator. Build mmcv from source "
            "against the installed torch, which must be one whose headers that mmcv supports: `pip install "
            "--force-reinstall --no-deps --no-cache-dir --no-build-isolation --no-binary onedl-mmcv onedl-mmcv` "
            "(or `mmcv` in place of `onedl-mmcv`). A compiled mmcv is then used without further settings."
        )

    def __repr__(self) -> str:
        return f"MissingOperator({self.name!r})"


class StandIn(ModuleType):
    """``mmcv._ext`` without a compiler: each operator name is a function or a :class:`MissingOperator`."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # No operator's name starts with an underscore; the import system, pickle and inspect probe such names.
        if name.startswith("_"):
            raise AttributeError(f"module {NAME!r} has no attribute {name!r}")
        if name not in IMPLEMENTED_IN:
            return MissingOperator(name)
        operator = getattr(importlib.import_module(f"cnxv2_mm.mmcv_ops.{IMPLEMENTED_IN[name]}"), name)
        setattr(self, name, operator)
        return operator

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *IMPLEMENTED_IN})


class StandInFinder(MetaPathFinder, Loader):
    """Lets the import system find the stand-in under the name ``mmcv._ext``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(NAME, self, origin=__file__) if fullname == NAME else None

    def create_module(self, spec: ModuleSpec) -> StandIn:
        return StandIn(NAME, __doc__)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to execute: the operators are looked up when asked for."""


def install() -> bool:
    """Supply ``mmcv._ext`` if mmcv is installed and has none that loads.

    It may be called any number of times. If mmcv has no compiled module, nothing of mmcv is imported.

    Returns:
        Whether ``mmcv._ext`` is the stand-in. False where mmcv is absent, or brings a compiled module that loads.

    Warns:
        RuntimeWarning: A compiled module exists but cannot be loaded (typically it was built against another torch).
    """
    if any(isinstance(finder, StandInFinder) for finder in sys.meta_path):
        return True
    if NAME in sys.modules:
        return False
    mmcv = importlib.util.find_spec("mmcv")
    if mmcv is None or _compiled_loads(mmcv.submodule_search_locations):
        return False
    sys.meta_path.insert(0, StandInFinder())  # before the finders that would find a compiled module that does not load
    return True


def _compiled_loads(locations: Sequence[str] | None) -> bool:
    """Whether mmcv's folder has a compiled module that can be imported; if one cannot, warn once."""
    compiled = PathFinder.find_spec(NAME, locations)
    if compiled is None:
        return False
    importlib.import_module("mmcv")  # a broken mmcv is not a broken mmcv._ext: let that error through
    try:
        importlib.import_module(NAME)
    except (ImportError, OSError) as error:
        warnings.warn(
            f"mmcv's compiled operators at {compiled.origin} could not be loaded ({error}); usually they were built "
            "against another torch. The replacements in cnxv2_mm.mmcv_ops are used instead. To use the compiled ones, "
            "rebuild mmcv against the installed torch.",
            RuntimeWarning,
            stacklevel=3,
        )
        return False
    return True
