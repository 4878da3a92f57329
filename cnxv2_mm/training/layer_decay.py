"""Layer-wise learning-rate decay and the no-weight-decay rule, for any OpenMMLab model.

Of ``number`` depths, a parameter at depth ``id`` learns at ``lr * rate ** (number - 1 - id)``. Necks, heads and
decoders learn at ``lr``. The backbone says how deep its parameters are (``get_layer_depth``). The constructor itself
knows no architecture.

Sources: ConvNeXt V2 appendix A.2 (arXiv 2301.00808), tables 9-13 for the rates; ``optim_factory.py`` of
facebookresearch/ConvNeXt-V2 @ 2553895 for two of the depth rules and for which tensors are never decayed; ConvNeXt V1's
code for the third rule.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, cast

from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm, _InstanceNorm
from torch import nn

from cnxv2_mm.checkpoints.wrappers import without_wrappers
from cnxv2_mm.layer_depth import STRATEGIES
from cnxv2_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS
from cnxv2_mm.training.fused_step import keep_implementation

_NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
_MATRIX_OWNERS = (nn.Linear, nn.Embedding, nn.modules.conv._ConvNd)
_ALLOWED_KEYS = ("layer_decay_rate", "strategy", "custom_keys")
_VECTORS_NEVER_DECAY = "remove it: norms, biases and every other vector are never decayed here"
# Keys of mmdet's, mmseg's, mmpretrain's and mmengine's constructors -> what to write instead.
_FOREIGN_KEYS = {
    "decay_rate": "use 'layer_decay_rate'",
    "decay_type": "use 'strategy' ('layer_wise' is 'group' here, 'stage_wise' is 'stage', a step per block 'single')",
    "num_layers": "remove it: the backbone knows its depths",
    "norm_decay_mult": _VECTORS_NEVER_DECAY,
    "bias_decay_mult": _VECTORS_NEVER_DECAY,
    "flat_decay_mult": _VECTORS_NEVER_DECAY,
}


def is_never_decayed(owner: nn.Module, local_name: str, ndim: int) -> bool:
    """Return whether a parameter has no weight decay: vectors and scalars, biases, GRN, layer scale, norms.

    The weight of a linear, convolution or embedding layer is always decayed, also under FSDP, where it looks like a
    vector.

    Args:
        owner: The module that holds the parameter.
        local_name: The name of the parameter in its owner, such as ``gamma``.
        ndim: The number of dimensions of the parameter.
    """
    if isinstance(owner, _NORMS) or local_name in ("bias", "gamma", "beta"):
        return True
    return ndim <= 1 and not (isinstance(owner, _MATRIX_OWNERS) and local_name == "weight")


class _KnowsDepths(Protocol):
    """A backbone that says how deep each of its parameters is; see ``ConvNeXtV2.get_layer_depth``."""

    def get_layer_depth(self, param_name: str, prefix: str, *, strategy: str) -> tuple[int, int]: ...


@dataclass
class _Group:
    """Parameters that share a learning-rate scale and a weight decay."""

    params: list[nn.Parameter] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    depths: set[int | None] = field(default_factory=set)  # None: outside the backbone


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Builds the optimiser of a model whose backbone has ``get_layer_depth(param_name, prefix, strategy)``.

    Everything outside the backbone learns at the full rate. Norms, biases, and the vectors of GRN and layer scale are
    never decayed, in the backbone or elsewhere.

    A group of the optimiser has ``lr``, ``weight_decay``, ``lr_scale`` and ``param_names``. The first group has the
    full rate, since mmengine logs its rate as ``lr``; it may have no parameters. mmengine's ``base_lr`` is not logged:
    ``auto_scale_lr`` does not scale it.

    Example:
        >>> optim_wrapper = dict(
        ...     constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
        ...     optimizer=dict(type="AdamW", lr=8e-4, weight_decay=0.05),
        ...     paramwise_cfg=dict(layer_decay_rate=0.9, custom_keys={"decode_head": dict(lr_mult=10.0)}),
        ... )

    Args:
        optim_wrapper_cfg: A dict with ``optimizer``, in which ``lr`` and ``weight_decay`` must be given. Everything
            else goes to the wrapper.
        paramwise_cfg: A dict. ``layer_decay_rate`` is in (0, 1]. ``strategy`` is ``single`` (one step per block, the
            default), ``group`` or ``stage``; :func:`cnxv2_mm.layer_depth.convnext_layer_depth` says what they are.
            ``custom_keys`` are parts of parameter names, of which the longest match wins, with ``lr_mult`` and
            ``decay_mult``. These multiply what the rules above give, so that a vector stays without weight decay.

    Raises:
        ValueError: A key is unknown, a rate is outside (0, 1], or ``lr`` or ``weight_decay`` is missing. Also when the
            object is called: the model has no backbone that knows its depths.
    """

    def _validate_cfg(self) -> None:
        super()._validate_cfg()
        for key in self.paramwise_cfg:
            if key not in _ALLOWED_KEYS:
                fix = _FOREIGN_KEYS.get(key, "remove it")
                raise ValueError(f"paramwise_cfg has no key {key!r} ({fix}). Allowed keys: {', '.join(_ALLOWED_KEYS)}.")
        rate = self.paramwise_cfg.get("layer_decay_rate")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1:
            raise ValueError(
                f"layer_decay_rate={rate!r}: set paramwise_cfg['layer_decay_rate'] to a number in (0, 1], e.g. 0.9 "
                "(1 gives every layer the same learning rate)."
            )
        strategy = self.paramwise_cfg.get("strategy", "single")
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy={strategy!r}: set paramwise_cfg['strategy'] to one of {', '.join(STRATEGIES)}.")
        for key, multipliers in self.paramwise_cfg.get("custom_keys", {}).items():
            if unknown := set(multipliers) - {"lr_mult", "decay_mult"}:
                raise ValueError(f"custom_keys[{key!r}] has {sorted(unknown)}: allowed are 'lr_mult' and 'decay_mult'.")
        for value, option in ((self.base_lr, "lr"), (self.base_wd, "weight_decay")):
            if value is None:
                raise ValueError(f"optimizer has no {option!r}: write it in the config, e.g. weight_decay=0. for none.")

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Return the optimiser of a model in its wrapper."""
        wrapper = super().__call__(model)
        # A further group of mmengine's, without parameters, for its log only.
        wrapper.base_param_settings = None
        keep_implementation(wrapper.optimizer)
        return wrapper

    def add_params(self, params: list[dict], module: nn.Module) -> None:
        """Append the groups of all trainable parameters of ``module`` to ``params``, and log them once."""
        rate = self.paramwise_cfg["layer_decay_rate"]
        strategy = self.paramwise_cfg.get("strategy", "single")
        custom_keys = self.paramwise_cfg.get("custom_keys", {})
        # mmengine's order: the longest key first, the alphabet between keys of one length.
        sorted_keys = sorted(custom_keys, key=lambda key: (-len(key), key))
        unused_keys = set(custom_keys)
        backbones = _find_backbones(module)

        groups: dict[tuple[float, float], _Group] = {}
        for name, owner, param in _trainable_parameters(module):
            local_name = name.rpartition(".")[2]
            depth = None
            scale = 1.0
            for prefix, backbone in backbones.items():
                if name.startswith(prefix):
                    depth, number = backbone.get_layer_depth(name[len(prefix) :], prefix="", strategy=strategy)
                    scale = rate ** (number - 1 - depth)
            weight_decay = 0.0 if is_never_decayed(owner, local_name, param.ndim) else self.base_wd
            key = next((key for key in sorted_keys if key in name), None)
            if key is not None:
                unused_keys.discard(key)
                scale *= custom_keys[key].get("lr_mult", 1.0)
                weight_decay *= custom_keys[key].get("decay_mult", 1.0)
            group = groups.setdefault((scale, weight_decay), _Group())
            group.params.append(param)
            group.names.append(name)
            group.depths.add(depth)

        if all(scale != 1.0 for scale, _ in groups):
            groups[1.0, 0.0] = _Group()
        # The full rate, then larger ones, then smaller ones.
        ordered = dict(sorted(groups.items(), key=lambda item: (item[0][0] == 1.0, item[0]), reverse=True))
        for (scale, weight_decay), group in ordered.items():
            params.append(
                {
                    "params": group.params,
                    "param_names": group.names,
                    "lr": self.base_lr * scale,
                    "lr_scale": scale,
                    "weight_decay": weight_decay,
                }
            )
        logger = MMLogger.get_current_instance()
        logger.info(f"Layer decay {rate} ({strategy}):\n{self._table(ordered)}")
        for key in sorted(unused_keys):
            logger.warning(f"custom_keys[{key!r}] decides about no parameter: no name contains it, or longer keys win.")

    def _table(self, groups: dict[tuple[float, float], _Group]) -> str:
        """Return the groups as text, one line each; ``depth`` is ``-`` outside the backbone."""
        lines = [f"{'depth':>7} {'scale':>9} {'lr':>9} {'decay':>7} {'tensors':>7} {'parameters':>11}  example"]
        for (scale, weight_decay), group in groups.items():
            inside = sorted(depth for depth in group.depths if depth is not None)
            depth = f"{inside[0]}-{inside[-1]}" if len(inside) > 1 else "".join(map(str, inside)) or "-"
            count = sum(param.numel() for param in group.params)
            lines.append(
                f"{depth:>7} {scale:>9.3g} {self.base_lr * scale:>9.3g} {weight_decay:>7.3g} {len(group.params):>7} "
                f"{count:>11,}  {''.join(group.names[:1])}"
            )
        return "\n".join(lines)


def _trainable_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Module, nn.Parameter]]:
    """Yield every trainable parameter once: its first name, the module that holds it, and itself."""
    seen: set[nn.Parameter] = set()
    for path, owner in model.named_modules():
        for local_name, param in owner.named_parameters(recurse=False):
            if local_name == "_flat_param":
                raise ValueError(
                    "FSDP has merged the parameters into one tensor, which has no single depth: set "
                    "use_orig_params=True in model_wrapper_cfg."
                )
            if param.requires_grad and param not in seen:
                seen.add(param)
                yield without_wrappers(f"{path}.{local_name}" if path else local_name), owner, param


def _find_backbones(model: nn.Module) -> dict[str, _KnowsDepths]:
    """Return the outermost modules that know the depths of their layers, by the prefix of their parameters' names.

    Their method takes a ``strategy``. That of models that only pass the question on (mmpretrain's ``ImageClassifier``),
    and that of backbones that know one rule only, does not.
    """
    found: dict[str, _KnowsDepths] = {}
    for path, module in model.named_modules():
        prefix = without_wrappers(f"{path}.") if path else ""
        method = getattr(module, "get_layer_depth", None)
        if method is None or any(prefix.startswith(outer) for outer in found):
            continue
        if "strategy" in inspect.signature(method).parameters:
            found[prefix] = cast(_KnowsDepths, module)
    if not found:
        backbone = getattr(model, "backbone", None)
        what = type(model).__name__ + ("" if backbone is None else f" with backbone {type(backbone).__name__}")
        raise ValueError(
            f"{what} has no module with get_layer_depth(param_name, prefix, strategy), so its layers have no known "
            "depth: use backbone=dict(type='cnxv2_mm.ConvNeXtV2', ...), or add the method to the backbone, or drop "
            "constructor='cnxv2_mm.LayerDecayOptimWrapperConstructor' from optim_wrapper."
        )
    return found
