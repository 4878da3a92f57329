"""What reads the maps of a backbone: found by its place in the model, changed, and run on the old and the new maps."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.channels import rewritings
from cnxv2_mm.swap.differences import changes
from cnxv2_mm.swap.literal import literal
from cnxv2_mm.swap.old_backbone import Maps
from cnxv2_mm.swap.refusal import SwapRefused, tell

# Parts of a model that read no maps.
_NO_CONSUMERS = ("backbone", "neck", "data_preprocessor", "train_cfg", "test_cfg", "init_cfg")
_BY_HAND = 'write the backbone into the config as in README.md ("By hand it is this"), and set what this part needs.'


def adapt(model: MutableMapping[str, Any], old: Maps, new: Maps, scope: str) -> list[str]:
    """Change, in a model's config, whatever reads the maps of its backbone.

    A neck reads the maps. What it makes of them has the same shapes as before, or else the heads are changed too;
    without a neck the heads read the maps.

    Args:
        model: The part of the config that has the backbone.
        old: What the old backbone returned.
        new: What the new one returns.
        scope: The library whose types have no prefix.

    Returns:
        What could not be tried, in words.

    Raises:
        SwapRefused: A part does not work with the new maps.
    """
    notes = []
    if model.get("neck"):
        necks = model["neck"] if isinstance(model["neck"], list) else [model["neck"]]
        changed = []
        for neck in necks:
            adapted, after_old, after_new = _adapt_neck(neck, old, new, scope)
            changed.append(adapted)
            if after_old is None or after_new is None:
                notes.append(
                    f"neck: {_type_of(neck)} reads the new channels, but does not run on the maps alone: that it makes "
                    "the same of them as before could not be tried"
                )
                break
            old, new = after_old, after_new
        changed += necks[len(changed) :]
        model["neck"] = changed if isinstance(model["neck"], list) else changed[0]
    if old == new or notes:
        return notes
    for name, owner, key in heads(model):
        head = owner[key]
        if isinstance(head, Mapping) and head.get("shared_head"):
            raise SwapRefused(
                "shared last stage",
                f"{name}.shared_head ({head['shared_head'].get('type')}) is the last stage of the old backbone, run on "
                "every region.",
                "start from the config of the same detector with a neck (FPN), which has no shared_head.",
            )
        owner[key] = _adapt_head(name, head, old, new, scope)
    return notes


def is_teacher(key: str) -> bool:
    """Whether a key of a model's config is about the teacher of a distillation, which is trained already and stays."""
    return key.startswith("teacher")


def readers(model: MutableMapping[str, Any]) -> list[tuple[MutableMapping[str, Any] | list, str | int]]:
    """Return the parts of a model that read the maps of its backbone: the first neck, or all heads if there is none.

    Returns:
        What holds each part, a mapping or a list, and its key or index there.
    """
    if model.get("neck"):
        return [(model["neck"], 0)] if isinstance(model["neck"], list) else [(model, "neck")]
    return [(owner, key) for _, owner, key in heads(model)]


def heads(model: MutableMapping[str, Any]) -> list[tuple[str, MutableMapping[str, Any] | list, str | int]]:
    """Return what each part behind backbone and neck is called, what holds it, and its key or index there."""
    found: list[tuple[str, MutableMapping[str, Any] | list, str | int]] = []
    for key, part in model.items():
        if key in _NO_CONSUMERS or is_teacher(key) or not _is_part(part):
            continue
        if isinstance(part, list):
            found += [(f"{key}[{i}]", part, i) for i in range(len(part))]
        else:
            found.append((key, model, key))
    return found


def _is_part(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_part(item) for item in value)
    return isinstance(value, Mapping) and "type" in value


def _adapt_neck(config: Any, old: Maps, new: Maps, scope: str) -> tuple[Any, Maps | None, Maps | None]:
    """Return the neck for the new maps, what it made of the old ones, and what it makes of the new ones.

    None: unknown.
    """
    if old == new:
        return config, old, new
    try:
        before = _outputs(config, old, scope)
    except Exception as failure:  # it needs more than maps, or an operator that is not installed
        changed = _adapt_head("neck", config, old, new, scope)
        if changed == config:
            raise SwapRefused(
                "neck",
                f"The neck {_type_of(config)} does not run on the maps alone ({tell(failure)}) and states the "
                f"{_list(old.channels)} channels nowhere, so that what it makes of {_list(new.channels)} is unknown.",
                _BY_HAND,
            ) from failure
        return changed, None, None
    first: tuple[Any, str] | None = None
    for changed in rewritings(config, old.channels, new.channels):
        try:
            after = _outputs(changed, new, scope)
        except Exception as failure:
            why = f"it does not run: {tell(failure)}"
        else:
            if after.cells == before.cells:
                return changed, before, after
            why = f"it makes {_list(after.cells)} cells where it made {_list(before.cells)}"
        first = first or (changed, why)
    raise _cannot_read("neck", "neck", config, old, new, first)


def _outputs(config: Any, maps: Maps, scope: str) -> Maps:
    module = dry_run.build(config, scope)
    module.eval()
    results = dry_run.run(module, maps.empty())
    if isinstance(results, Tensor):
        results = (results,)
    return Maps(tuple(tuple(result.shape) for result in results), maps.image_size)


@dataclass(frozen=True)
class _Trial:
    """What became of a head.

    Attributes:
        shapes: Of what it computes; None if it was not run, because it needs more than maps or does not build.
        is_built: Whether it builds.
        why: Why it does not build or run.
    """

    shapes: dry_run.Shapes | None
    is_built: bool
    why: str = ""


def _adapt_head(name: str, config: Any, old: Maps, new: Maps, scope: str) -> Any:
    """Return the head for the new maps; one that needs more than maps to run is only built."""
    before = _try_head(config, old, scope)
    first: tuple[Any, str] | None = None
    for changed in rewritings(config, old.channels, new.channels):
        after = _try_head(changed, new, scope)
        if after.is_built and before.shapes in (None, after.shapes):
            return changed
        first = first or (changed, after.why or f"it gives {after.shapes} where it gave {before.shapes}")
    raise _cannot_read("head", name, config, old, new, first)


def _try_head(config: Any, maps: Maps, scope: str) -> _Trial:
    try:
        head = dry_run.build(config, scope)
        head.eval()
    except Exception as error:
        return _Trial(None, is_built=False, why=f"it does not build: {tell(error)}")
    try:
        return _Trial(dry_run.shapes_of(dry_run.run(head, maps.empty())), is_built=True)
    except Exception as error:
        return _Trial(None, is_built=True, why=f"it does not run: {tell(error)}")


def _cannot_read(kind: str, name: str, config: Any, old: Maps, new: Maps, first: tuple[Any, str]) -> SwapRefused:
    """Return the refusal of a part that no rewriting of its config helps.

    ``first`` is the likeliest, and what it fails at.
    """
    tried, why = first
    keys = ", ".join(f"{key}={literal(value)}" for key, _, value in changes({name: config}, {name: tried}))
    with_what = f"with {keys}" if keys else "no key of it states these numbers, and as it is"
    return SwapRefused(
        kind,
        f"{name} ({_type_of(config)}) cannot be made to read maps of {_list(new.channels)} channels in the place of "
        f"{_list(old.channels)}: {with_what}, {why}.",
        _BY_HAND,
    )


def _type_of(config: Any) -> str:
    kind = config.get("type") if isinstance(config, Mapping) else config
    return getattr(kind, "__name__", str(kind))


def _list(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
