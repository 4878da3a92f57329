"""From a checkpoint file of any dialect into a model: all of its backbone, or nothing and an error."""

import os
from collections import Counter

from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import nn

from cnxv2_mm.checkpoints.architecture import infer, part_of, shorten
from cnxv2_mm.checkpoints.convert import read_network
from cnxv2_mm.checkpoints.translate import Translation, to_ours

_HEADS = ("classifier", "decoder")


def load(
    model: nn.Module,
    checkpoint: str | os.PathLike[str],
    prefix: str | None = None,
    entry: str | None = None,
    trust_pickle: bool = False,
) -> None:
    """Copies a network into a backbone, or into the model around one, and logs what was used.

    Every tensor of the backbone must come from the file; only output norms may be missing. The classifier or the
    decoder of the model is filled if the file has one of the same shape. Names of the model may be of any dialect.
    Modules that are filled count as initialised: an ``init_cfg`` of their own no longer applies.

    Args:
        model: Receives the tensors.
        checkpoint: A file, an address or a name in ``cnxv2_mm.zoo``, in any dialect.
        prefix: What stands before the network's names in the file; needed if there are several networks.
        entry: The entry of the file that holds the weights; None for the averaged ones, if there are any.
        trust_pickle: Read the file even if that runs code which is in it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file cannot be read, does not hold one whole network, or holds another one than the model;
            the model is as it was.
    """
    file, architecture, entry = read_network(checkpoint, prefix, entry, trust_pickle)
    source = f"checkpoint={os.fspath(checkpoint)!r}"
    state = model.state_dict()
    try:
        own = to_ours(state)
    except ValueError as error:
        raise ValueError(f"{source} has no place in this {type(model).__name__}: {error}") from error
    if problems := _find_misfits(own, file):
        raise ValueError(
            f"{source}, read as {file.dialect.name} ({architecture}), does not fit this backbone "
            f"({infer(own.tensors)}): tensors {', '.join(problems)}; set arch, in_channels, use_grn and "
            "layer_scale_init_value to those of the checkpoint, or choose another"
        )
    unfit = {part for part in _HEADS if not _fits(part, own, file)}
    used = [name for name in own.tensors if name in file.tensors and part_of(name) not in unfit]
    tensors = {own.origins[name]: file.tensors[name].reshape(state[own.origins[name]].shape) for name in used}
    model.load_state_dict(tensors, strict=False)
    _mark_initialised(model, {own.origins[name] for name in own.tensors if part_of(name) not in unfit})

    fresh = [own.origins[name] for name in own.tensors if name not in used]
    unused = Counter(part_of(name) or "unbuilt stages" for name in file.tensors if name not in used)
    unused.update({reason: len(names) for reason, names in file.dropped.items()})
    details = ", ".join(f"{number} {what}" for what, number in unused.items())
    print_log(
        f"{type(model).__name__}: {len(used)} of {len(own.tensors)} tensors from {os.fspath(checkpoint)}"
        f"{f' [{entry}]' if entry else ''}, {file.dialect.name}, {architecture}\n"
        f"  left as initialised: {', '.join(fresh) or 'none'}{_describe_unfit(unfit, own, file)}\n"
        f"  not used from the file: {unused.total()} tensors{f' ({details})' if details else ''}",
        logger="current",
    )


def _find_misfits(own: Translation, file: Translation) -> list[str]:
    """What keeps the file from filling the model's backbone, in words; empty if nothing does."""
    missing = [name for name in own.tensors if name not in file.tensors and part_of(name) is None]
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
            ("of the backbone without a name in any dialect", own.unknown),
        )
        if names
    ]


def _fits(part: str, own: Translation, file: Translation) -> bool:
    """Whether the file fills this part of the model, all of it."""
    return all(
        name in file.tensors and file.tensors[name].shape == tensor.shape
        for name, tensor in own.tensors.items()
        if part_of(name) == part
    )


def _describe_unfit(parts: set[str], own: Translation, file: Translation) -> str:
    remarks = []
    for part in sorted(parts):
        name = next(n for n in own.tensors if part_of(n) == part and (n not in file.tensors or n.endswith("weight")))
        there = f"{name} {tuple(file.tensors[name].shape)}" if name in file.tensors else "none"
        remarks.append(f"{part}: here {name} {tuple(own.tensors[name].shape)}, in the file {there}")
    return f" ({'; '.join(remarks)})" if remarks else ""


def _mark_initialised(model: nn.Module, names: set[str]) -> None:
    """Keeps mmengine from initialising what has been loaded: it visits a model's children after the model."""
    for prefix, module in model.named_modules():
        own = [f"{prefix}.{name}" for name, _ in module.named_parameters()]
        if prefix and own and isinstance(module, BaseModule) and names.issuperset(own):
            module.is_init = True
