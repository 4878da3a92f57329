"""From any dialect to our names, and from our names to any dialect. No tensor is left out without a reason."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from cnxv2_mm.checkpoints.architecture import PARTS, Architecture, find_problems, infer, part_of, shorten
from cnxv2_mm.checkpoints.detect import Place, find_network, first_levels
from cnxv2_mm.checkpoints.dialects import FINAL_NORM, Dialect, Row
from cnxv2_mm.checkpoints.relatives import find_differences, find_unseen_difference
from cnxv2_mm.checkpoints.weights import as_weight
from cnxv2_mm.checkpoints.wrappers import without_wrappers
from cnxv2_mm.variants import NUM_STAGES

# Buffers in which the averaged models of mmengine and PyTorch count their steps.
_COUNTERS = ("steps", "n_averaged")
# Reasons to leave a tensor out.
_OTHER_HEAD = "a classifier that is more than a linear layer behind the pooled and normed map"
_NO_BIAS = "a classifier without bias"
OTHER_HEADS = (_OTHER_HEAD, _NO_BIAS)
BESIDE = "outside the network"
_COPIES = "a second copy of another"


@dataclass(frozen=True)
class Translation:
    """A network with our names, translated from some dialect.

    Attributes:
        dialect: The dialect that it comes from.
        tensors: The tensors, by our names: ``backbone.*``, ``head.fc.*`` and ``decoder.*``. They have our shapes; where
            possible they are views of the original ones.
        origins: Our name of each tensor, and its full name in the file or model.
        names: Our name of each tensor, and its name in the dialect's tables, without what stands before the network.
        dropped: Full names of the tensors that were left out, for each reason.
        unknown: Full names of tensors inside the network that the dialect does not know.
    """

    dialect: Dialect
    tensors: dict[str, Tensor]
    origins: dict[str, str]
    names: dict[str, str]
    dropped: dict[str, list[str]]
    unknown: list[str]

    def check(self) -> Architecture:
        """Return the architecture of the network.

        Raises:
            ValueError: It is another architecture, it is not whole, or it has NaN or infinite numbers.
        """
        architecture = infer(self.tensors)
        read_as = f"read as {self.dialect.name} ({architecture})"
        problems = find_problems(self.tensors, architecture)
        if self.unknown:
            problems.append(f"{len(self.unknown)} unknown to the dialect ({shorten(self.unknown)})")
        if problems and (differences := find_differences(self.tensors, self.unknown, architecture)):
            raise ValueError(
                f"{read_as}, it is another architecture: {', '.join(differences)}; its weights do not fit the "
                "ConvNeXt V1 and V2 of the papers: choose a checkpoint of one of these"
            )
        if problems:
            raise ValueError(
                f"{read_as}, it is not a whole network; tensors: {', '.join(problems)}. The file was cut or altered, "
                "or its training diverged: download it or save it again"
            )
        if difference := find_unseen_difference(self.dialect, architecture):
            raise ValueError(f"{read_as}, it is {difference}: choose another checkpoint")
        return architecture

    def write(self, dialect: Dialect) -> "Writing":
        """Translate the network to a dialect, see :func:`from_ours`; its own dialect keeps the names it has."""
        return from_ours(self.tensors, dialect, self.names if dialect is self.dialect else {})


@dataclass(frozen=True)
class Writing:
    """A network in the names and shapes of a dialect.

    Attributes:
        tensors: The tensors, by the names of the dialect; no two of them share memory.
        dropped: Our names of the tensors that were left out, for each reason.
        missing: Parts that a complete model of the dialect has and this network lacks.
    """

    tensors: dict[str, Tensor]
    dropped: dict[str, list[str]]
    missing: list[str]


def to_ours(tensors: Mapping[str, Tensor], prefix: str | None = None) -> Translation:
    """Translate the tensors of a checkpoint or of a model to our names; their dialect is recognised.

    Args:
        tensors: The tensors by name.
        prefix: What stands before the names of the network, with or without its last dot; needed if there are several
            networks. 'backbone.' is accepted for every dialect, also where the names do not begin with it.

    Raises:
        ValueError: There is no ConvNeXt or more than one, two different tensors have the same place in the network, or
            a tensor of the network cannot be a weight (:func:`~cnxv2_mm.checkpoints.weights.as_weight`).
    """
    names = {without_wrappers(name): name for name in tensors}
    if len(names) < len(tensors):
        raise ValueError("two of its names differ only in wrappers such as 'module.': it holds a tensor twice")
    clean = {name: tensors[original] for name, original in names.items()}
    prefix = without_wrappers(prefix.rstrip(".") + ".") if prefix else None
    dropped: dict[str, list[str]] = defaultdict(list)
    inside = clean if prefix is None else _within(clean, prefix)
    if len(inside) < len(clean):
        dropped[f"outside prefix={prefix!r}"] = [names[n] for n in clean if n not in inside]
    place = find_network(inside)
    ours: dict[str, Tensor] = {}
    origins: dict[str, str] = {}
    local: dict[str, str] = {}
    unknown: list[str] = []
    for name, tensor in inside.items():
        before, (row, our_name) = place.inner, _match(name, place.inner, place.dialect.backbone)
        if row is None:
            before, (row, our_name) = place.outer, _match(name, place.outer, place.dialect.around)
        if row is None:
            reason = _why_outside(name, place)
            (unknown if reason is None else dropped[reason]).append(names[name])
            continue
        weight = row.form.read(as_weight(names[name], tensor))
        if our_name not in ours:
            ours[our_name] = weight
            origins[our_name] = names[name]
            local[our_name] = name.removeprefix(before)
        elif _are_equal(ours[our_name], weight):
            dropped[_COPIES].append(names[name])
        else:
            raise ValueError(
                f"{origins[our_name]!r} and {names[name]!r} have the same place in the network; remove one of them"
            )
    _name_final_norm(ours, origins, local)
    classifier = [name for name in ours if name.startswith("head.fc.")]
    if _OTHER_HEAD in dropped or classifier == ["head.fc.weight"]:
        reason = _OTHER_HEAD if _OTHER_HEAD in dropped else _NO_BIAS
        for name in classifier:
            dropped[reason].append(origins.pop(name))
            del ours[name], local[name]
    return Translation(place.dialect, ours, origins, local, dict(dropped), unknown)


def from_ours(
    tensors: Mapping[str, Tensor], dialect: Dialect, names: Mapping[str, str] = MappingProxyType({})
) -> Writing:
    """Translate a whole network from our names to a dialect.

    Args:
        tensors: The tensors by our names.
        dialect: The dialect to write.
        names: For tensors that were read from this dialect: our names, and those they had there.

    Raises:
        ValueError: The dialect has no name for a tensor that the network needs; or the network lacks stages, and it was
            not read from this dialect.
    """
    architecture = infer(tensors)
    num_stages = len(architecture.depths)
    if num_stages < NUM_STAGES and dialect.name != "ours" and not names:
        raise ValueError(
            f"it has {num_stages} of the {NUM_STAGES} stages, and whole {dialect.name} networks have all: "
            "convert the checkpoint from which it was trained"
        )
    root = dialect.write_root(tensors)
    theirs: dict[str, Tensor] = {}
    dropped: dict[str, list[str]] = defaultdict(list)
    homeless = []
    backbone, around = ([row for row in rows if row.when(tensors)] for rows in (dialect.backbone, dialect.around))
    for name, tensor in tensors.items():
        row, their_name = _find_place(name, names, backbone, dialect.backbone)
        if row is not None:
            their_name = root + their_name
        else:
            row, their_name = _find_place(name, names, around, dialect.around)
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
    if dialect.needs_layer_scale and not architecture.layer_scale:
        raise ValueError(
            f"every block of {dialect.name} networks has a layer scale, and this network has none: "
            "choose another dialect"
        )
    held = {part_of(row.ours.replace("{i}", "3")) for row in (*dialect.backbone, *dialect.around)}
    present = {part_of(name) for name in tensors}
    if any(name.startswith(f"backbone.norm{num_stages - 1}.") for name in tensors):
        present.add("final norm")
    missing = [part for part in PARTS if part in held - present and part != "output norms"]
    return Writing(theirs, dict(dropped), missing)


def _within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``prefix``; all of them if it is 'backbone.' and no name does."""
    found = {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if not found and prefix != "backbone.":
        raise ValueError(f"no tensor of it begins with prefix={prefix!r}; its names begin with {first_levels(tensors)}")
    return found or dict(tensors)


def _match(name: str, before: str, rows: Iterable[Row], backwards: bool = False) -> tuple[Row | None, str]:
    """Find the row of a name that stands behind ``before``; return it and the name on the other side of the table."""
    if not name.startswith(before):
        return None, ""
    name = name.removeprefix(before)
    for row in rows:
        pattern, other = (row.our_names, row.theirs) if backwards else (row.their_names, row.ours)
        if match := pattern.fullmatch(name):
            return row, other.format(**match.groupdict())
    return None, ""


def _find_place(
    name: str, names: Mapping[str, str], rows: Collection[Row], all_rows: Collection[Row]
) -> tuple[Row | None, str]:
    """Find the row that writes a tensor; return it and the name to write, the one in ``names`` if there is one."""
    if name in names:
        return _match(names[name], "", all_rows)[0], names[name]
    return _match(name, "", rows, backwards=True)


def _why_outside(name: str, place: Place) -> str | None:
    """Return why a tensor that no row knows is no part of the network; None if it may be a part of it."""
    if name in _COUNTERS:
        return "steps of the averaging"
    if name.startswith(tuple(place.outer + level for level in place.dialect.other_heads)):
        return _OTHER_HEAD
    for level, what in place.dialect.beside:
        if name.startswith(place.inner + level):
            return what
    if not name.startswith(place.inner):
        return f"{BESIDE} {place.inner!r}"
    if not place.inner and not place.dialect.levels.fullmatch(name.split(".")[0]):
        return BESIDE
    return None


def _name_final_norm(*tables: dict[str, Any]) -> None:
    """Give the final norm the number of the last stage, which is below 3 if the network lacks stages."""
    last = len(infer(tables[0]).depths) - 1
    for p in ("weight", "bias"):
        name, right = FINAL_NORM.format(p=p), f"backbone.norm{last}.{p}"
        for table in tables:
            if name in table and right not in table:
                table[right] = table.pop(name)


def _are_equal(tensor: Tensor, other: Tensor) -> bool:
    return tensor.dtype == other.dtype and torch.equal(tensor, other)
