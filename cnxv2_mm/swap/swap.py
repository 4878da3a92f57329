"""The swap of a whole config: its backbones, what reads their maps, its images, weights and optimiser."""

from collections.abc import Iterator, MutableMapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config, ConfigDict

from cnxv2_mm import zoo
from cnxv2_mm.config.entry import type_name
from cnxv2_mm.config.load import load_config
from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.config_keys import is_teacher, necks, set_necks
from cnxv2_mm.swap.dry_run import Failure, try_run
from cnxv2_mm.swap.formats import needs_contiguous
from cnxv2_mm.swap.necks_and_heads import adapt
from cnxv2_mm.swap.network import DEFAULT_ARCH, Arch, Network, find_network, licence_note
from cnxv2_mm.swap.new_style import with_type_names
from cnxv2_mm.swap.old_backbone import Maps, OldBackbone, measure
from cnxv2_mm.swap.optimizer import say_what_it_is_for, use_adamw
from cnxv2_mm.swap.preprocessing import normalise_images, pad_to_cells
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.swap.scheduler_hooks import warm_up_all_groups
from cnxv2_mm.swap.stages import Stages, choose_stages, in_millions
from cnxv2_mm.swap.unused_maps import drop_unused_maps
from cnxv2_mm.swap.weights import NO_WEIGHTS, default_weights, forget_old_weights
from cnxv2_mm.variants import LAST_STRIDE, NUM_STAGES

PACKAGE = "cnxv2_mm"
TYPE = f"{PACKAGE}.ConvNeXtV2"
DROP_PATH_RATE = 0.1

# Dictionaries in a backbone's config that are no part of a method: the new backbone has its own norms and activations.
_ORDINARY_PARTS = ("norm_cfg", "act_cfg", "init_cfg")


@dataclass(frozen=True)
class Swap:
    """A swapped config.

    Attributes:
        config: The new config.
        notes: What was changed and why, one sentence for each change.
    """

    config: Config
    notes: tuple[str, ...]


def swap_config(
    config: Config | str | Path,
    arch: Arch | None = None,
    *,
    checkpoint: str | None = None,
    optimizer: Literal["adamw", "keep"] = "adamw",
    freeze: bool = False,
) -> Swap:
    """Put ConvNeXt V2 in the place of every backbone of a config.

    The old backbone is built without numbers and run on images. The new one returns maps of the same strides in the
    same order. The necks or heads that read the maps are changed to the new channels, built and run.

    :func:`cnxv2_mm.swap.short_config` makes of the result a file that inherits from the old config. mmengine loads that
    file as the same config, except for the ``_scope_`` entries that it adds to what is inherited as ``mmdet::...``.

    Args:
        config: A config of mmdet, mmseg or mmpretrain; a file, or ``mmdet::...`` for one that a library ships. It is
            not changed.
        arch: A size of ``cnxv2_mm.variants``, such as 'atto' or 'huge', or ``dict(depths=..., channels=...)``. None for
            that of the weights, and 'tiny' if no weights are given.
        checkpoint: The new backbone's weights: a file, an address or a name of ``cnxv2_mm.zoo``. They decide what the
            backbone is and how images are normalised (:func:`cnxv2_mm.swap.network.find_network`). 'none' for a random
            start; None for the weights that the paper uses for such a task
            (:func:`cnxv2_mm.swap.weights.default_weights`).
        optimizer: 'adamw' for AdamW with layer decay and a schedule that suits it, 'keep' for the config's own.
        freeze: Whether the backbone keeps its weights and runs in evaluation mode, so that neck and heads alone are
            trained.

    Returns:
        The new config and the notes about it.

    Raises:
        SwapRefused: The backbone cannot be replaced.
        ValueError: ``arch``, ``checkpoint`` or ``optimizer`` is unknown, the weights are not what they should be, they
            contradict ``arch``, ``freeze`` comes without weights, or the config cannot be read.
    """
    if optimizer not in ("adamw", "keep"):
        raise ValueError(f"optimizer={optimizer!r} is unknown: choose 'adamw' or 'keep'")
    if freeze and checkpoint == NO_WEIGHTS:
        raise ValueError("freeze=True keeps the weights as they are, and checkpoint='none' has none: leave one out")
    network = find_network(arch, checkpoint)
    library = None if isinstance(config, Config) else str(config).rpartition("::")[0]
    config = with_type_names(deepcopy(config) if isinstance(config, Config) else load_config(str(config)))
    if not isinstance(config.get("model"), MutableMapping):
        raise SwapRefused("no model", "The config has no model.", "swap the configs that inherit from it.")
    sites = list(_sites(config.model, ()))
    if not sites:
        raise SwapRefused("no backbone", f"The model {type_name(config.model)} has no part with a backbone.")
    default = config.get("default_scope") or library or "mmengine"
    notes: list[str] = []
    param_names: list[str] = []
    for site in sites:
        scope = next((part["_scope_"] for part in reversed(site) if part.get("_scope_")), default)
        weights = default_weights(arch or DEFAULT_ARCH, scope, freeze) if checkpoint is None else checkpoint
        site_notes, old, unused = _swap_site(site[-1], network, weights, scope, freeze)
        notes += site_notes
        param_names += old.param_names
        if unused:
            config.find_unused_parameters = True
        if checkpoint is None:
            notes.append(licence_note(zoo.find_weight(weights)))
    notes += network.notes
    if all(site[-1]["backbone"].get("in_channels", 3) == 3 for site in sites):
        notes += normalise_images(config, network.images)
    notes += pad_to_cells(config)
    owners = {id(owner): owner for site in sites for owner in site}  # each once
    notes += forget_old_weights(config, list(owners.values()))
    if optimizer == "adamw":
        notes += use_adamw(config, param_names, freeze)
        notes += warm_up_all_groups(config)
    notes += say_what_it_is_for(config)
    _import_package(config)
    return Swap(config, tuple(dict.fromkeys(notes)))


def swap_backbone(
    config: Config | str | Path,
    arch: Arch | None = None,
    *,
    checkpoint: str | None = None,
    optimizer: Literal["adamw", "keep"] = "adamw",
    freeze: bool = False,
) -> Config:
    """Return the config of :func:`swap_config` without the notes; see there for arguments and errors."""
    return swap_config(config, arch, checkpoint=checkpoint, optimizer=optimizer, freeze=freeze).config


def _sites(part: Any, owners: tuple[MutableMapping, ...]) -> Iterator[tuple[MutableMapping, ...]]:
    """Yield the parts of a model that have a backbone, each as the chain of parts from the model to it."""
    if isinstance(part, MutableMapping):
        owners = (*owners, part)
        if isinstance(part.get("backbone"), MutableMapping):
            yield owners
        for key, value in part.items():
            if key != "backbone" and not is_teacher(key):
                yield from _sites(value, owners)
    elif isinstance(part, list | tuple):
        for item in part:
            yield from _sites(item, owners)


def _swap_site(
    site: MutableMapping[str, Any], network: Network, weights: str, scope: str, freeze: bool
) -> tuple[list[str], OldBackbone, bool]:
    old_config = site["backbone"]
    old = measure(old_config, scope)
    if old.mixes_scales and not site.get("neck"):
        raise SwapRefused(
            "scales mixed inside",
            f"{type_name(old_config)} mixes its scales itself, so that heads read its maps directly; ConvNeXt V2's "
            "finest maps are made by its first layers alone.",
            "start from a config of the same task whose neck or head mixes scales (FPN, UPerNet).",
        )
    num_maps = len(old.maps.shapes)
    maps, unused = drop_unused_maps(site, old.maps, scope)
    old = replace(old, maps=maps)
    pooled_by_neck = _neck_pools(site, old.maps, scope)
    pooled = pooled_by_neck or () in old.maps.cells
    stages = choose_stages(old.maps, from_last_stage=old.dilated or pooled_by_neck)
    network.check(old.in_channels, stages.out_indices[-1])
    new_maps = stages.maps(network.variant, pooled, old.maps.image_size)
    site["backbone"] = _new_backbone(old_config, old, stages, pooled, network, weights, freeze)
    old_maps = old.maps
    if pooled_by_neck:
        site["neck"] = None
        old_maps = Maps((old.maps.shapes[0][:2],), old.maps.image_size)
    untried = adapt(site, old_maps, new_maps, scope)
    num_params = dry_run.count(dry_run.build(site["backbone"], scope).parameters())
    notes = _notes(old_config, old, stages, new_maps, num_params, pooled_by_neck, freeze) + untried
    if len(old.maps.shapes) < num_maps:
        notes.append("backbone: maps that no neck or head uses are left out: their norms would get no gradient")
    teachers = [key for key in site if is_teacher(key)]
    if teachers:
        notes.append(f"teacher: kept as it is, with its own backbone ({', '.join(teachers)})")
    unused = unused and not freeze
    if unused:
        notes.append("training: find_unused_parameters=True, because the neck or a head takes a map without using it")
    if needs_contiguous(site, new_maps, scope):
        set_necks(site, [ConfigDict(type=f"{PACKAGE}.ContiguousMaps"), *necks(site)])
        notes.append(
            f"neck: {PACKAGE}.ContiguousMaps copies the maps into PyTorch's default memory format, because a neck or a "
            "head calls view on them"
        )
    return notes, old, unused


def _neck_pools(site: MutableMapping[str, Any], maps: Maps, scope: str) -> bool:
    """Whether the neck only averages one map over each image, which the new backbone does before its last norm."""
    neck = site.get("neck")
    if not neck or len(maps.shapes) != 1 or () in maps.cells:
        return False
    module = try_run("building the neck", dry_run.build, neck, scope)
    if isinstance(module, Failure) or list(module.parameters()):
        return False
    result = try_run("running the neck", dry_run.run, module, maps.empty())
    return not isinstance(result, Failure) and dry_run.shapes_of(result) == (maps.shapes[0][:2],)


def _new_backbone(
    old_config: MutableMapping[str, Any],
    old: OldBackbone,
    stages: Stages,
    pooled: bool,
    network: Network,
    weights: str,
    freeze: bool,
) -> ConfigDict:
    config: dict[str, Any] = {"type": TYPE, **network.arguments}
    if stages.out_indices != (0, 1, 2, 3):
        config["out_indices"] = stages.out_indices
    if stages.output_stride != LAST_STRIDE:
        config["output_stride"] = stages.output_stride
    if old.in_channels != 3:
        config["in_channels"] = old.in_channels
    if pooled:
        config["gap_before_final_norm"] = True
    if freeze:
        config["frozen_stages"] = stages.out_indices[-1] + 1
        config["drop_path_rate"] = 0.0
    else:
        config["drop_path_rate"] = old_config.get("drop_path_rate", DROP_PATH_RATE)
        if old_config.get("with_cp"):
            config["with_cp"] = True
    if weights != NO_WEIGHTS:
        config["init_cfg"] = {"type": f"{PACKAGE}.Pretrained", "checkpoint": weights}
    return ConfigDict(config)


def _notes(
    old_config: MutableMapping[str, Any],
    old: OldBackbone,
    stages: Stages,
    new_maps: Maps,
    num_params: int,
    pooled: bool,
    freeze: bool,
) -> list[str]:
    before = max(source.num_params for source in old.maps.sources)
    notes = [
        f"backbone: {TYPE} replaces {type_name(old_config)}, with the same strides; "
        f"channels {', '.join(map(str, old.maps.channels))} -> {', '.join(map(str, new_maps.channels))}; "
        f"{in_millions(before)} -> {in_millions(num_params)} parameters"
    ]
    if 4 * num_params < before:
        notes.append("backbone: it has less than a quarter of the old one's parameters; a larger --arch has more")
    if stages.output_stride != LAST_STRIDE:
        notes.append(f"backbone: it is dilated to stride {stages.output_stride}, the stride of the old one's last map")
    left_out = NUM_STAGES - 1 - stages.out_indices[-1]
    if left_out:
        kept = f"only its first {NUM_STAGES - left_out} of {NUM_STAGES} stages are used"
        notes.append(f"backbone: {kept}, because no old map has a larger stride")
    if pooled:
        notes.append("neck: removed; the backbone averages over the image itself, before its last norm")
    if freeze:
        notes.append(
            "backbone: frozen, in evaluation mode and without stochastic depth; neck and heads alone are trained. The "
            "norms of its outputs are frozen too: those that the weights lack scale each cell to mean 0 and variance 1"
        )
    elif old_config.get("frozen_stages", -1) > 0 or old_config.get("norm_eval"):
        notes.append("backbone: frozen_stages and norm_eval are dropped; it has no batch norm and all of it is trained")
    special = [key for key, value in old_config.items() if key not in _ORDINARY_PARTS and _holds_part(value)]
    if special:
        notes.append(
            f"backbone: settings of the old one that are lost: {', '.join(special)}; if they are the method of this "
            "config, the new config is without it"
        )
    return notes


def _holds_part(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_part(item) for item in value)
    return isinstance(value, MutableMapping)


def _import_package(config: Config) -> None:
    """Add this package to ``custom_imports``."""
    old = config.get("custom_imports") or {}
    imports = old.get("imports") or []
    imports = [imports] if isinstance(imports, str) else list(imports)
    if PACKAGE not in imports:
        imports.append(PACKAGE)
    config.custom_imports = ConfigDict(imports=imports, allow_failed_imports=old.get("allow_failed_imports", False))
