"""From any dialect into our names, and from ours into any dialect; every tensor is accounted for."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cnxv2_mm.checkpoints.architecture import (
    NUM_STAGES,
    PARTS,
    Architecture,
    find_problems,
    infer,
    part_of,
    shorten,
)
from cnxv2_mm.checkpoints.detect import find_network, first_levels, without_wrappers
from cnxv2_mm.checkpoints.dialects import Dialect, Row
from cnxv2_mm.checkpoints.weights import as_weight

# Buffers by which mmengine's and PyTorch's averaged models count their steps.
_COUNTERS = ("steps", "n_averaged")


@dataclass(frozen=True)
class Translation:
    """Tensors by our names.

    Attributes:
        dialect: The dialect they come from.
        tensors: Our names, ``backbone.*``, ``head.fc.*`` and ``decoder.*``, and the tensors in our shapes; views of
            theirs where that is possible.
        origins: Our names and theirs.
        dropped: Reasons, and the names that each of them leaves out.
        unknown: Their names within the network that the dialect does not have.
    """

    dialect: Dialect
    tensors: dict[str, Tensor]
    origins: dict[str, str]
    dropped: dict[str, list[str]]
    unknown: list[str]

    def check(self) -> Architecture:
        """The architecture of the tensors.

        Raises:
            ValueError: They are not the whole of one network, or not finite numbers.
        """
        architecture = infer(self.tensors)
        problems = find_problems(self.tensors, architecture)
        if self.unknown:
            problems.append(f"{len(self.unknown)} unknown to the dialect ({shorten(self.unknown)})")
        if problems:
            raise ValueError(
                f"read as {self.dialect.name} ({architecture}), its tensors are {', '.join(problems)}: "
                "it was cut, altered or written by a training that diverged; get or write it anew"
            )
        return architecture


@dataclass(frozen=True)
class Writing:
    """Tensors in another dialect.

    Attributes:
        tensors: Their names and the tensors in their shapes, each with memory of its own.
        dropped: Reasons, and our names that each of them leaves out.
        missing: Parts that a whole model of the dialect has and these tensors have not.
    """

    tensors: dict[str, Tensor]
    dropped: dict[str, list[str]]
    missing: list[str]


def to_ours(tensors: Mapping[str, Tensor], prefix: str | None = None) -> Translation:
    """Translates the tensors of a checkpoint, or of a model, from whatever dialect they are in.

    Args:
        tensors: Names and tensors.
        prefix: What stands before the names of the network, with or without its last dot; needed if there are
            several. 'backbone.' may be given for any dialect, also for those that do not use it.

    Raises:
        ValueError: There is no ConvNeXt, or more than one, two tensors have the same meaning, or a tensor of the
            network cannot be a weight (:func:`~cnxv2_mm.checkpoints.weights.as_weight`).
    """
    names = {without_wrappers(name): name for name in tensors}
    if len(names) < len(tensors):
        raise ValueError("two of its names differ in wrappers such as 'module.' alone: it holds a tensor twice")
    clean = {name: tensors[original] for name, original in names.items()}
    prefix = without_wrappers(prefix.rstrip(".") + ".") if prefix else None
    dropped: dict[str, list[str]] = defaultdict(list)
    inside = clean if prefix is None else _within(clean, prefix)
    if len(inside) < len(clean):
        dropped[f"outside prefix={prefix!r}"] = [names[n] for n in clean if n not in inside]
    place = find_network(inside)
    ours: dict[str, Tensor] = {}
    origins: dict[str, str] = {}
    unknown = []
    for name, tensor in inside.items():
        row, our_name = _match(name, place.inner, place.dialect.backbone)
        if row is None:
            row, our_name = _match(name, place.outer, place.dialect.around)
        if row is None and name in _COUNTERS:
            dropped["steps of the averaging"].append(names[name])
        elif row is None and name.startswith(place.inner):
            unknown.append(names[name])
        elif row is None:
            dropped[f"outside the network {place.inner!r}"].append(names[name])
        elif our_name in ours:
            raise ValueError(f"{origins[our_name]!r} and {names[name]!r} are the same tensor of the network")
        else:
            ours[our_name] = row.form.read(as_weight(names[name], tensor))
            origins[our_name] = names[name]
    return Translation(place.dialect, ours, origins, dict(dropped), unknown)


def from_ours(tensors: Mapping[str, Tensor], dialect: Dialect) -> Writing:
    """Translates a whole network, by our names, into a dialect.

    Raises:
        ValueError: The dialect has no place for a tensor without which the network is another one.
    """
    architecture = infer(tensors)
    if len(architecture.depths) < NUM_STAGES and dialect.name != "ours":
        raise ValueError(
            f"it has {len(architecture.depths)} of the {NUM_STAGES} stages, and {dialect.name} networks have all: "
            "convert the checkpoint from which it was trained"
        )
    root = dialect.write_root(tensors)
    theirs: dict[str, Tensor] = {}
    dropped: dict[str, list[str]] = defaultdict(list)
    homeless = []
    for name, tensor in tensors.items():
        row, their_name = _match(name, "", dialect.backbone, backwards=True)
        if row is not None:
            their_name = root + their_name
        else:
            row, their_name = _match(name, "", dialect.around, backwards=True)
        part = part_of(name)
        if row is not None:
            theirs[their_name] = row.form.write(tensor, architecture.channels).clone(
                memory_format=torch.contiguous_format
            )
        elif part is not None:
            dropped[f"{dialect.name} checkpoints hold no {part}"].append(name)
        else:
            homeless.append(name)
    if homeless:
        raise ValueError(
            f"{dialect.name} networks have no place for {len(homeless)} of its tensors ({shorten(homeless)}): "
            "without them it would compute something else; choose another dialect"
        )
    held = {part_of(row.ours.replace("{i}", "3")) for row in (*dialect.backbone, *dialect.around)}
    present = {part_of(name) for name in tensors}
    missing = [part for part in PARTS if part in held - present and part != "output norms"]
    return Writing(theirs, dict(dropped), missing)


def _within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``; all of them for 'backbone.' in a dialect that says otherwise."""
    found = {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if not found and prefix != "backbone.":
        raise ValueError(f"no tensor of it begins with prefix={prefix!r}; its names begin with {first_levels(tensors)}")
    return found or dict(tensors)


def _match(name: str, before: str, rows: Iterable[Row], backwards: bool = False) -> tuple[Row | None, str]:
    """The first row for a name behind ``before``, and the name on the other side of the table."""
    if not name.startswith(before):
        return None, ""
    name = name.removeprefix(before)
    for row in rows:
        pattern, other = (row.our_names, row.theirs) if backwards else (row.their_names, row.ours)
        if match := pattern.fullmatch(name):
            return row, other.format(**match.groupdict())
    return None, ""
