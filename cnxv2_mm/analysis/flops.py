"""Parameters and floating-point operations of a model, part by part.

A multiply-add counts as one operation, as in the paper's tables. Two kinds of operation are counted:

- matrix products, convolutions and attention, by the formulas of ``torch.utils.flop_counter``;
- what the counters of the paper's time count too (fvcore, and mmengine's copy of it): 5 operations for each number that
  a layer norm reads, 2 for a batch norm in inference, 1 for an average pooling, 4 for each number that a bilinear
  interpolation makes.

Everything else (GELU, GRN, residual additions, RoI align, non-maximum suppression) counts nothing. By these rules the
paper's classifiers, detectors and segmenters have its published numbers within 0.2 %.

A model on the meta device computes shapes only: even size 'huge' takes a second and no memory.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.masking import count_visible, patch_grid, random_visible

# Regions that reach the box head and the mask head of a two-stage detector: the numbers of OpenMMLab's own counters.
BOX_REGIONS = 1000
MASK_REGIONS = 100


_aten = torch.ops.aten
# Operations for each number that an operator reads, and for each that it makes.
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
    """Size of a model or of a part of one, and its work for one input.

    Attributes:
        params: Number of parameters.
        flops: Number of operations; a multiply-add counts once.
    """

    params: int
    flops: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.params + other.params, self.flops + other.flops)


def count_flops(function: Callable[[], object]) -> int:
    """Return the number of operations of a call; a multiply-add counts once."""
    with torch.no_grad(), _Counter() as counter:
        function()
    return counter.flops


def count_params(modules: Iterable[nn.Module]) -> int:
    """Return the number of parameters of some modules together; a shared one counts once."""
    return sum(p.numel() for p in {id(p): p for module in modules for p in module.parameters()}.values())


def analyse(model: nn.Module, shape: Sequence[int]) -> dict[str, Cost]:
    """Count each part of an OpenMMLab model for one image.

    Known are classifiers (backbone, neck, head), detectors of one stage (bbox_head), detectors of two or more stages
    (rpn_head and roi_head), segmenters (decode_head) and FCMAE. In a detector's roi_head, 1000 regions are counted for
    each box head and 100 for each mask head, whatever the image. Parts that only training uses (auxiliary heads, the
    loss) are left out. The model is set to evaluation mode.

    Args:
        model: The model. One of :func:`cnxv2_mm.config.build.build_on_meta` takes no memory.
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
    features = _run(parts, "backbone", model.get_submodule("backbone"), image)
    found = _submodules(model, ("neck", "head", "bbox_head", "rpn_head", "decode_head", "roi_head"))
    if "neck" in found:
        features = _run(parts, "neck", found["neck"], features)
    heads = {name: part for name, part in found.items() if name not in ("neck", "roi_head")}
    if not heads or hasattr(model, "encoder") or any(isinstance(head, nn.ModuleList) for head in heads.values()):
        raise ValueError(
            f"{type(model).__name__} does more behind its {' and '.join(parts)} than one head (head, bbox_head, "
            "rpn_head with roi_head, decode_head); count it with cnxv2_mm.analysis.flops.count_flops"
        )
    for name, head in heads.items():
        _run(parts, name, head, features)
    if "roi_head" in found:
        _analyse_regions(parts, found["roi_head"], features)
    return parts


def _submodules(module: nn.Module, names: Iterable[str]) -> dict[str, nn.Module]:
    """Return the submodules that a module has among some names; an attribute that is None is none."""
    parts = {name: getattr(module, name, None) for name in names}
    return {name: part for name, part in parts.items() if isinstance(part, nn.Module)}


def _run(parts: dict[str, Cost], name: str, module: nn.Module, inputs: Any) -> Any:
    """Run a part, add its cost to ``parts`` and return what it computes."""
    results: list[Any] = []
    flops = count_flops(lambda: results.append(module(inputs)))
    parts[name] = parts.get(name, Cost(0, 0)) + Cost(count_params([module]), flops)
    return results[0]


def _analyse_regions(parts: dict[str, Cost], roi_head: nn.Module, features: Sequence[Tensor]) -> None:
    """Add the heads of a two-stage detector, which work on regions of the maps."""
    for kind, regions in (("bbox", BOX_REGIONS), ("mask", MASK_REGIONS)):
        heads = getattr(roi_head, f"{kind}_head", None)
        if heads is None:
            continue
        extractors: Any = getattr(roi_head, f"{kind}_roi_extractor", None) or roi_head.bbox_roi_extractor
        heads = list(heads) if isinstance(heads, nn.ModuleList) else [heads]
        extractors = list(extractors) if isinstance(extractors, nn.ModuleList) else [extractors] * len(heads)
        for i, (head, extractor) in enumerate(zip(heads, extractors, strict=True)):
            size = extractor.roi_layers[0].output_size
            height, width = size if isinstance(size, tuple) else (size, size)
            pooled = features[0].new_empty(regions, extractor.out_channels, height, width)
            _run(parts, f"{kind}_head" if len(heads) == 1 else f"{kind}_head.{i}", head, pooled)


def _analyse_pretrainer(model: FCMAE, image: Tensor) -> dict[str, Cost]:
    """Return the costs of the encoder on the visible patches, and of the decoder with the pixels of the hidden ones.

    The encoder's are those of the model's own layout.
    """
    height, width = image.shape[2:]
    grid = patch_grid(height, width, model.patch_size)
    num_visible = count_visible(grid[0] * grid[1], model.mask_ratio)
    visible = random_visible(1, grid, num_visible, device=image.device)
    encoder: Any = model.backbone
    encoder_flops = count_flops(lambda: encoder.encode_visible(image, visible, model.layout, num_visible))
    flops = count_flops(lambda: model.loss(image))
    return {
        "backbone": Cost(count_params([encoder]), encoder_flops),
        "decoder": Cost(count_params([model.get_submodule("decoder")]), flops - encoder_flops),
    }
