"""Parameters and floating-point operations of a model, part by part, without running it.

A multiply-add counts once, as in the paper's tables. Counted are matrix products, convolutions and attention by the
formulas of ``torch.utils.flop_counter``, and what the counters of the time (fvcore, and mmengine's copy of it) count
besides: 5 operations for each number of a layer norm, 2 of a batch norm in inference, 1 of an average pooling, 4 for
each number interpolated bilinearly. With these rules the paper's classifiers, detectors and segmenters come out within
0.2 %. Everything else (GELU, GRN, residual additions, RoI align, non-maximum suppression) counts nothing.

On the meta device only shapes are computed: huge takes a second and no memory.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.masking import count_visible, patch_grid, random_visible

# What OpenMMLab's own counters fed a two-stage detector: so many regions reach the box head, so many the mask head.
BOX_REGIONS = 1000
MASK_REGIONS = 100


_aten = torch.ops.aten
# Operations for each number that goes in, and for each that comes out.
_PER_INPUT = {
    _aten.native_layer_norm: 5,
    _aten.native_group_norm: 5,
    _aten.native_batch_norm: 2,
    _aten._native_batch_norm_legit_no_training: 2,
    _aten.cudnn_batch_norm: 2,
    _aten._adaptive_avg_pool2d: 1,
}
_PER_OUTPUT = {_aten.upsample_bilinear2d: 4, _aten.upsample_nearest2d: 1}


class _Counter(TorchDispatchMode):
    """Adds up the operations of every call that reaches a kernel (or its shape function).

    torch's own ``FlopCounterMode`` breaks norms and interpolations into pieces that it does not count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        op = func._overloadpacket
        if op in flop_registry:
            self.flops += flop_registry[op](*args, **kwargs, out_val=result) // 2  # torch counts a multiply-add as 2
        elif op in _PER_INPUT:
            self.flops += _PER_INPUT[op] * args[0].numel()
        elif op in _PER_OUTPUT:
            self.flops += _PER_OUTPUT[op] * result.numel()
        return result


@dataclass(frozen=True)
class Cost:
    """What a model, or a part of one, consists of and computes for one input.

    Attributes:
        params: Parameters.
        flops: Operations, a multiply-add counting once.
    """

    params: int
    flops: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.params + other.params, self.flops + other.flops)


def count_flops(function: Callable[[], object]) -> int:
    """Return the operations of a call, a multiply-add counting once."""
    with torch.no_grad(), _Counter() as counter:
        function()
    return counter.flops


def count_params(modules: Iterable[nn.Module]) -> int:
    """Parameters of the modules together, shared ones once."""
    return sum(p.numel() for p in {id(p): p for module in modules for p in module.parameters()}.values())


def build_on_meta(config: Mapping[str, Any]) -> nn.Module:
    """Build a model that has shapes but no numbers.

    Args:
        config: The ``model`` of a config whose ``default_scope`` is set.
    """
    try:
        with torch.device("meta"):
            model = MODELS.build(deepcopy(config))
    except RuntimeError:  # a model that looks at numbers while it is built, as mmpretrain's ConvNeXt does
        model = MODELS.build(deepcopy(config))
    return model.to("meta")


def analyse(model: nn.Module, shape: Sequence[int]) -> dict[str, Cost]:
    """Count each part of an OpenMMLab model for one image.

    Known are classifiers (backbone, neck, head), detectors of one stage (bbox_head) and of two or more (rpn_head,
    roi_head: 1000 regions for each stage's box head and 100 for each mask head, whatever the image), segmenters
    (decode_head) and FCMAE. What only training uses (auxiliary heads, loss) is left out. The model is set to evaluation
    mode.

    Args:
        model: Best one of :func:`build_on_meta`.
        shape: (channels, height, width) of the image.

    Returns:
        The parts by name, in the order in which the image goes through them.

    Raises:
        ValueError: The model is none of these, or its backbone cannot take the image.
    """
    model.eval()
    image = torch.empty(1, *shape, device=next(model.parameters()).device)
    if isinstance(model, FCMAE):
        return _analyse_pretrainer(model, image)
    if not hasattr(model, "backbone"):
        raise ValueError(
            f"{type(model).__name__} has no backbone: only models of mmpretrain, mmdet (one or more stages), mmseg "
            "and FCMAE are known part by part; count another with cnxv2_mm.analysis.flops.count_flops"
        )
    parts: dict[str, Cost] = {}
    features = _run(parts, "backbone", model.backbone, image)
    if getattr(model, "neck", None) is not None:
        features = _run(parts, "neck", model.neck, features)
    heads = {name: getattr(model, name, None) for name in ("head", "bbox_head", "rpn_head", "decode_head")}
    heads = {name: head for name, head in heads.items() if head is not None}
    if not heads or hasattr(model, "encoder") or any(isinstance(head, nn.ModuleList) for head in heads.values()):
        raise ValueError(
            f"{type(model).__name__} does more behind its {' and '.join(parts)} than one head (head, bbox_head, "
            "rpn_head with roi_head, decode_head); count it with cnxv2_mm.analysis.flops.count_flops"
        )
    for name, head in heads.items():
        _run(parts, name, head, features)
    if getattr(model, "roi_head", None) is not None:
        _analyse_regions(parts, model.roi_head, features)
    return parts


def _run(parts: dict[str, Cost], name: str, module: nn.Module, *inputs: object) -> object:
    """Add a part to ``parts``; returns what it computes."""
    results: list[object] = []
    flops = count_flops(lambda: results.append(module(*inputs)))
    parts[name] = parts.get(name, Cost(0, 0)) + Cost(count_params([module]), flops)
    return results[0]


def _analyse_regions(parts: dict[str, Cost], roi_head: nn.Module, features: Sequence[Tensor]) -> None:
    """Add the heads that look at regions."""
    for kind, regions in (("bbox", BOX_REGIONS), ("mask", MASK_REGIONS)):
        heads = getattr(roi_head, f"{kind}_head", None)
        if heads is None:
            continue
        extractors = getattr(roi_head, f"{kind}_roi_extractor", None) or roi_head.bbox_roi_extractor
        heads = list(heads) if isinstance(heads, nn.ModuleList) else [heads]
        extractors = list(extractors) if isinstance(extractors, nn.ModuleList) else [extractors] * len(heads)
        for i, (head, extractor) in enumerate(zip(heads, extractors, strict=True)):
            size = extractor.roi_layers[0].output_size
            height, width = size if isinstance(size, tuple) else (size, size)
            pooled = features[0].new_empty(regions, extractor.out_channels, height, width)
            _run(parts, f"{kind}_head" if len(heads) == 1 else f"{kind}_head.{i}", head, pooled)


def _analyse_pretrainer(model: FCMAE, image: Tensor) -> dict[str, Cost]:
    """Return the encoder on the visible patches, as its layout stores them.

    The decoder with the pixels of the hidden ones.
    """
    grid = patch_grid(*image.shape[2:], model.patch_size)
    num_visible = count_visible(grid[0] * grid[1], model.mask_ratio)
    visible = random_visible(1, grid, num_visible, device=image.device)
    encoder, decoder = model.backbone, model.decoder
    encoder_flops = count_flops(lambda: encoder.encode_visible(image, visible, model.layout, num_visible))
    flops = count_flops(lambda: model.loss(image))
    return {
        "backbone": Cost(count_params([encoder]), encoder_flops),
        "decoder": Cost(count_params([decoder]), flops - encoder_flops),
    }
