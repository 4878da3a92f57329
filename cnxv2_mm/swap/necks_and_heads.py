"""Adapts the necks and heads of a model to the new maps: changes their configs, then runs them on old and new maps."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cnxv2_mm.config.entry import type_name
from cnxv2_mm.config.literal import literal
from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.channels import rewritings
from cnxv2_mm.swap.config_keys import LAST_STAGE, heads, necks, set_necks
from cnxv2_mm.swap.differences import changes
from cnxv2_mm.swap.dry_run import Failure, try_run
from cnxv2_mm.swap.old_backbone import Maps
from cnxv2_mm.swap.refusal import SwapRefused

_BY_HAND = "write the config as docs/swap.md shows under 'By hand', and set what this part needs."


def adapt(model: MutableMapping[str, Any], old: Maps, new: Maps, scope: str) -> list[str]:
    """Change the configs of a model's necks and heads so that they read the new maps.

    The first neck reads the maps of the backbone. If its outputs have the same shapes as before, the parts behind it
    are not changed; else they are changed too. Without a neck, the heads read the maps.

    Args:
        model: The part of the config that has the backbone.
        old: What the old backbone returned.
        new: What the new one returns.
        scope: The library whose types need no prefix.

    Returns:
        Sentences about what could not be tried.

    Raises:
        SwapRefused: A part does not work with the new maps.
    """
    old_necks = necks(model)
    changed: list[Any] = []
    for neck in old_necks:
        adapted = _adapt_neck(neck, old, new, scope)
        changed.append(adapted.config)
        if adapted.before is None or adapted.after is None:
            set_necks(model, [*changed, *old_necks[len(changed) :]])
            return [
                f"neck: {type_name(neck)} is built for the new channels but could not be tried, because it needs more "
                "than the maps to run; check that what it returns has the same shapes as before"
            ]
        old, new = adapted.before, adapted.after
    if changed:
        set_necks(model, changed)
    if old == new:
        return []
    for part in heads(model):
        last_stage = part.config.get(LAST_STAGE)
        if last_stage:
            raise SwapRefused(
                "shared last stage",
                f"{part.name}.{LAST_STAGE} ({type_name(last_stage)}) is the last stage of the old backbone, run on "
                "every region.",
                "start from the config of the same detector with a neck (FPN), which has no shared_head.",
            )
        part.replace(_adapt_head(part.name, part.config, old, new, scope))
    return []


@dataclass(frozen=True)
class _AdaptedNeck:
    """A neck for the new maps.

    Attributes:
        config: Its config.
        before: What the old neck made of the old maps; None if it cannot be run on maps alone.
        after: What the new one makes of the new maps; None if it cannot be run on maps alone.
    """

    config: Any
    before: Maps | None
    after: Maps | None


def _adapt_neck(config: Any, old: Maps, new: Maps, scope: str) -> _AdaptedNeck:
    if old == new:
        return _AdaptedNeck(config, old, new)
    kind = type_name(config)
    before = try_run(f"running the neck {kind} on the old maps", _outputs, config, old, scope)
    if isinstance(before, Failure):  # it needs more than maps, or an operator that is not installed
        changed = _adapt_head("neck", config, old, new, scope)
        if changed == config:
            raise SwapRefused(
                "neck",
                f"The neck {kind} does not run on the maps alone ({before}), and its config states the "
                f"{_list(old.channels)} channels nowhere. So what it makes of {_list(new.channels)} is unknown.",
                _BY_HAND,
            ) from before.error
        return _AdaptedNeck(changed, None, None)
    failures: list[tuple[Any, str]] = []
    for changed in rewritings(config, old.channels, new.channels):
        after = try_run(f"running the neck {kind} on the new maps", _outputs, changed, new, scope)
        if isinstance(after, Failure):
            failures.append((changed, f"it does not run: {after}"))
        elif after.cells == before.cells:
            return _AdaptedNeck(changed, before, after)
        else:
            failures.append((changed, f"it makes {_list(after.cells)} cells where it made {_list(before.cells)}"))
    raise _cannot_read("neck", "neck", config, old, new, *failures[0])


def _outputs(config: Any, maps: Maps, scope: str) -> Maps | Failure:
    """Return the maps that a neck makes."""
    module = dry_run.build(config, scope)
    module.eval()
    results = dry_run.run(module, maps.empty())
    if isinstance(results, Tensor):
        results = (results,)
    if not isinstance(results, Sequence) or not all(isinstance(x, Tensor) and x.ndim > 1 for x in results):
        return Failure(TypeError(f"it returns {dry_run.shapes_of(results)} instead of maps"))
    return Maps(tuple(tuple(x.shape) for x in results), maps.image_size)


@dataclass(frozen=True)
class _Trial:
    """What became of a head.

    Attributes:
        shapes: Shapes of what it computes; None if it was not run, because it needs more than maps or does not build.
        is_built: Whether it builds.
        why: Why it does not build or run.
    """

    shapes: dry_run.Shapes | None
    is_built: bool
    why: str = ""


def _adapt_head(name: str, config: Any, old: Maps, new: Maps, scope: str) -> Any:
    """Return the head's config for the new maps. A head that needs more than maps to run is only built."""
    before = _try_head(name, config, old, scope)
    failures: list[tuple[Any, str]] = []
    for changed in rewritings(config, old.channels, new.channels):
        after = _try_head(name, changed, new, scope)
        if after.is_built and before.shapes in (None, after.shapes):
            return changed
        failures.append((changed, after.why or f"it gives {after.shapes} where it gave {before.shapes}"))
    raise _cannot_read("head", name, config, old, new, *failures[0])


def _try_head(name: str, config: Any, maps: Maps, scope: str) -> _Trial:
    head = try_run(f"building {name}", dry_run.build, config, scope)
    if isinstance(head, Failure):
        return _Trial(None, is_built=False, why=f"it does not build: {head}")
    head.eval()
    results = try_run(f"running {name} on maps", dry_run.run, head, maps.empty())
    if isinstance(results, Failure):
        return _Trial(None, is_built=True, why=f"it does not run: {results}")
    return _Trial(dry_run.shapes_of(results), is_built=True)


def _cannot_read(kind: str, name: str, config: Any, old: Maps, new: Maps, tried: Any, why: str) -> SwapRefused:
    """Return the refusal of a part that works with the new maps under no config.

    Args:
        kind: What is refused: 'neck' or 'head'.
        name: How messages call the part.
        config: The part's.
        old: The old maps.
        new: The new maps.
        tried: The likeliest config for the new maps.
        why: What is wrong with that one.
    """
    keys = ", ".join(f"{key}={literal(value)}" for key, _, value in changes({name: config}, {name: tried}))
    with_what = f"with {keys}" if keys else "no key of it states these numbers, and as it is"
    return SwapRefused(
        kind,
        f"{name} ({type_name(config)}) cannot be made to read maps of {_list(new.channels)} channels in the place of "
        f"{_list(old.channels)}: {with_what}, {why}.",
        _BY_HAND,
    )


def _list(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
