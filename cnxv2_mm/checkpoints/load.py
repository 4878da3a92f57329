"""From a checkpoint file of any dialect into a model. Unless the whole backbone can be filled, nothing is."""

import os
from collections import Counter

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from cnxv2_mm.checkpoints.architecture import infer, part_of, shorten
from cnxv2_mm.checkpoints.norm_eps import check_eps, find_eps_of_model
from cnxv2_mm.checkpoints.read import read_network
from cnxv2_mm.checkpoints.stem import can_inflate, channels_of_stem, settle_stem
from cnxv2_mm.checkpoints.translate import BESIDE, OTHER_HEADS, Translation, to_ours
from cnxv2_mm.feature_norms import ResponseNorm

_HEADS = ("classifier", "decoder")
_GRN_HINT = "; to drop or add GRN on purpose, set grn='drop' or 'add' of cnxv2_mm.Pretrained"
_STEM_HINT = "; to spread the stem's three channels over {} on purpose, set stem='inflate' of cnxv2_mm.Pretrained"


def load(
    model: nn.Module,
    checkpoint: str | os.PathLike[str],
    prefix: str | None = None,
    entry: str | None = None,
    trust_pickle: bool = False,
    grn: str | None = None,
    stem: str | None = None,
) -> None:
    """Copy a network into a backbone, or into the model around one, and log what was used.

    The file must have every tensor of the backbone; only output norms may be missing. The classifier or the decoder of
    the model is filled if that of the file has the same tensors with the same shapes. The model itself may be of
    another library: its names may be of any dialect. Modules that were filled count as initialised, so that an
    ``init_cfg`` of their own has no effect. No tensor shows the activation, the eps of the norms (the backbone's
    ``norm_eps``) and which parts GRN has (its ``grn``): those of the model are taken. Where the file's eps is known all
    the same (:func:`cnxv2_mm.checkpoints.read.read_network`), the model's must be the same.

    Args:
        model: The model to fill.
        checkpoint: A file, an address or a name of ``cnxv2_mm.zoo``, in any dialect.
        prefix: What stands before the names of the network in the file; needed if the file holds several networks.
        entry: The entry of the file that holds the weights; None for the averaged weights, if the file has any.
        trust_pickle: Read the file even if it then runs code that is in it.
        grn: A difference between the backbones that is allowed, for table 2f of ConvNeXt V2 (arXiv 2301.00808): 'drop'
            leaves out the GRN of the file, which the model must not have; 'add' leaves that of the model as
            initialised, which the file must not have. So with what stands in the place of GRN.
        stem: Another difference that is allowed: with 'inflate' the stem of the file, which must be for three input
            channels, is spread over another number of them (:func:`cnxv2_mm.checkpoints.stem.inflate`).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file cannot be read, does not hold one whole network, holds another network than the model, or
            norms with another eps, or has numbers beyond the range of the model's type; or the model is on the meta
            device; or ``grn`` or ``stem`` is another word, or asks for a difference that is not there. The model is
            unchanged then.
    """
    source = f"checkpoint={os.fspath(checkpoint)!r}"
    if grn not in (None, "drop", "add"):
        raise ValueError(f"grn={grn!r} must be 'drop', 'add' or None")
    if stem not in (None, "inflate"):
        raise ValueError(f"stem={stem!r} must be 'inflate' or None")
    state = model.state_dict()
    if any(isinstance(tensor, Tensor) and tensor.is_meta for tensor in state.values()):
        raise ValueError(
            f"{source} cannot fill this {type(model).__name__}: it is on the meta device, which holds no numbers; "
            "build it on another, or call its to_empty(device='cpu') first"
        )
    file, architecture, entry = read_network(checkpoint, prefix, entry, trust_pickle)
    try:
        own = to_ours(state)
    except ValueError as error:
        raise ValueError(f"this {type(model).__name__} cannot be filled from {source}: {error}") from error
    fresh_grn = _settle_grn(grn, own, file)
    inflated = settle_stem(stem, own, file)
    if problems := _find_misfits(own, file, fresh_grn):
        raise ValueError(
            f"{source}, read as {file.dialect.name} ({architecture}), does not fit this backbone "
            f"({infer(own.tensors)}); tensors: {', '.join(problems)}; set arch, in_channels, use_grn, grn and "
            "layer_scale_init_value to those of the checkpoint, or choose another checkpoint"
            f"{'' if bool(_grn_of(own)) == bool(_grn_of(file)) else _GRN_HINT}"
            f"{_STEM_HINT.format(channels_of_stem(own)) if can_inflate(own, file) else ''}"
        )
    try:
        check_eps(model, own, architecture)
    except ValueError as error:
        raise ValueError(f"{source} does not fit: {error}") from error
    unfit = {part for part in _HEADS if not _fits(part, own, file)}
    used = [name for name in own.tensors if name in file.tensors and part_of(name) not in unfit]
    tensors = {own.origins[name]: file.tensors[name].reshape(state[own.origins[name]].shape) for name in used}
    if beyond := [name for name, tensor in tensors.items() if not _is_in_range(tensor, state[name].dtype)]:
        raise ValueError(
            f"{source} has numbers beyond the range of {state[beyond[0]].dtype}, the type of this "
            f"{type(model).__name__}, in {shorten(beyond)}: use float32 or bfloat16"
        )
    model.load_state_dict(tensors, strict=False)
    _mark_initialised(model, {own.origins[name] for name in own.tensors if part_of(name) not in unfit})

    fresh = [own.origins[name] for name in own.tensors if name not in used]
    fresh += [name for reason in OTHER_HEADS for name in own.dropped.get(reason, [])]
    unused = Counter(part_of(name) or "unbuilt stages" for name in file.tensors if name not in used)
    unused.update({reason: len(names) for reason, names in file.dropped.items()})
    assumed = ["exact GELU"]
    if architecture.norm_eps is None:
        assumed.append(f"norms with eps {', '.join(map(str, find_eps_of_model(model, own)))}")
    assumed += sorted({f"{module!r} as GRN" for module in model.modules() if isinstance(module, ResponseNorm)})
    details = ", ".join(f"{number} {what}" for what, number in unused.items())
    print_log(
        f"{type(model).__name__}: {len(used)} of {len(own.tensors)} tensors from {os.fspath(checkpoint)}"
        f"{f' [{entry}]' if entry else ''}, {file.dialect.name}, {architecture}\n"
        f"  left as initialised: {', '.join(fresh) or 'none'}{_describe_unfit(unfit, own, file)}{inflated}\n"
        f"  not used from the file: {unused.total()} tensors{f' ({details})' if details else ''}\n"
        f"  assumed, since no tensor shows {'it' if len(assumed) == 1 else 'them'}: {', '.join(assumed)}",
        logger="current",
    )


def _grn_of(network: Translation) -> list[str]:
    """Return the names of the tensors of GRN, or of what stands in its place, in a backbone."""
    return [name for name in network.tensors if name.startswith("backbone.") and ".grn." in name]


def _settle_grn(grn: str | None, own: Translation, file: Translation) -> set[str]:
    """Do what ``grn`` of :func:`load` says: take GRN out of the file, or return the model's that need not be in it."""
    in_model, in_file = _grn_of(own), _grn_of(file)
    if grn is None:
        return set()
    if (bool(in_model), bool(in_file)) != (grn == "add", grn == "drop"):
        there = [where for where, names in (("the model", in_model), ("the file", in_file)) if names]
        needs = "only the file has, and the model not" if grn == "drop" else "only the model has, and the file not"
        raise ValueError(
            f"grn={grn!r} needs a GRN that {needs}; here it is in {' and in '.join(there) or 'neither'}: leave grn "
            "out, or change use_grn of the backbone"
        )
    for name in in_file:
        file.dropped.setdefault("GRN, by grn='drop'", []).append(file.origins.pop(name))
        del file.tensors[name], file.names[name]
    return set(in_model)


def _find_misfits(own: Translation, file: Translation, may_lack: set[str]) -> list[str]:
    """Compare the backbone of a model with that of a file; one text for each kind of difference, empty if it fits."""
    missing = [n for n in own.tensors if n not in file.tensors and part_of(n) is None and n not in may_lack]
    misfit = [
        f"{name} {tuple(file.tensors[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in own.tensors.items()
        if name in file.tensors and part_of(name) not in _HEADS and file.tensors[name].shape != tensor.shape
    ]
    stages = range(len(infer(own.tensors).depths))
    built = tuple(f"backbone.{name}.{i}." for name in ("downsample_layers", "stages") for i in stages)
    extra = [name for name in file.tensors if name.startswith(built) and name not in own.tensors]
    return [
        f"{len(names)} {what} ({shorten([name.removeprefix('backbone.') for name in names])})"
        for what, names in (
            ("missing", missing),
            ("of another shape", misfit),
            ("unknown to the backbone", extra),
            ("of the backbone that no dialect has a name for", own.unknown + own.dropped.get(BESIDE, [])),
        )
        if names
    ]


def _is_in_range(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether the numbers of a tensor stay finite in another type."""
    floating = tensor.is_floating_point() and dtype.is_floating_point
    if not floating or torch.finfo(dtype).max >= torch.finfo(tensor.dtype).max:
        return True
    return bool(torch.isfinite(tensor.to(dtype)).all())


def _shapes_of(part: str, translation: Translation) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in translation.tensors.items() if part_of(name) == part}


def _fits(part: str, own: Translation, file: Translation) -> bool:
    """Whether the model lacks a part, or the file has exactly the same tensors for it."""
    here = _shapes_of(part, own)
    return not here or here == _shapes_of(part, file)


def _describe_unfit(parts: set[str], own: Translation, file: Translation) -> str:
    """Say for each part that does not fit how the model differs from the file, by one tensor."""
    remarks = []
    for part in sorted(parts):
        here, there = _shapes_of(part, own), _shapes_of(part, file)
        different = [name for name in here | there if here.get(name) != there.get(name)]
        name = min(different, key=lambda name: not name.endswith("weight"))  # the first weight, if there is one
        remarks.append(
            f"{part}: here {f'{name} {here[name]}' if name in here else 'none'}, "
            f"in the file {f'{name} {there[name]}' if name in there else 'none'}"
        )
    return f" ({'; '.join(remarks)})" if remarks else ""


def _mark_initialised(model: nn.Module, names: set[str]) -> None:
    """Keep mmengine from initialising what was loaded: it initialises the children of a model after the model."""
    for prefix, module in model.named_modules():
        own = [f"{prefix}.{name}" for name, _ in module.named_parameters()]
        if prefix and own and isinstance(module, BaseModule) and names.issuperset(own):
            module.is_init = True
