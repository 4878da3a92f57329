"""Which network the new backbone must be so that the weights fit: found before anything is written."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnxv2_mm import zoo
from cnxv2_mm.backbone import LAYER_NORM_EPS
from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.read import read_network
from cnxv2_mm.command_line import command
from cnxv2_mm.swap.image_statistics import IMAGENET, Statistics, find_statistics
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.swap.weights import NO_WEIGHTS
from cnxv2_mm.variants import NUM_STAGES, V1_ARGUMENTS, VARIANTS, Variant, find_variant

Arch = str | Mapping[str, Sequence[int]]

DEFAULT_ARCH = "tiny"
# What the reader of checkpoints may ask for and the swap cannot say.
_OPTIONS_OF_CONVERT = ("prefix", "entry", "trust_pickle")


@dataclass(frozen=True)
class Network:
    """The network that weights are for.

    Attributes:
        arguments: The arguments of ``ConvNeXtV2`` that the weights decide, ``arch`` among them; defaults are left out.
        images: How the images were normalised.
        in_channels: Number of channels of the images; None if any will do, or if it could not be seen.
        num_stages: How many stages, counted from the first, the weights have.
        notes: Sentences for the user: what the weights are and how that is known, and their licence.
    """

    arguments: Mapping[str, Any]
    images: Statistics = IMAGENET
    in_channels: int | None = 3
    num_stages: int = NUM_STAGES
    notes: tuple[str, ...] = ()

    @property
    def variant(self) -> Variant:
        """Its size."""
        return find_variant(self.arguments["arch"])

    def check(self, in_channels: int, last_stage: int) -> None:
        """Compare it with a backbone.

        Args:
            in_channels: Channels of the images.
            last_stage: The last stage that the backbone has, 0 to 3.

        Raises:
            SwapRefused: The weights are for other images, or lack a stage.
        """
        if self.in_channels not in (None, in_channels):
            raise SwapRefused(
                "other channels",
                f"The images have {in_channels} channels and the weights are for {self.in_channels}.",
                f"give checkpoint={NO_WEIGHTS!r}, or weights pre-trained on such images; in_channels of the old "
                "backbone says how many channels the images have. To spread weights for 3 channels over them, add "
                'init_cfg=dict(type="cnxv2_mm.Pretrained", checkpoint=..., stem="inflate") to the new backbone.',
            )
        if last_stage >= self.num_stages:
            raise SwapRefused(
                "weights",
                f"The weights have {self.num_stages} of the {NUM_STAGES} stages, and the new backbone needs "
                f"{last_stage + 1}.",
                "give the weights with which their training started.",
            )


def find_network(arch: Arch | None, checkpoint: str | None) -> Network:
    """Find the network that weights are for: from their row of the zoo, or else from the tensors of the file.

    Args:
        arch: The size; None for that of the weights, or 'tiny' if they do not decide it.
        checkpoint: A file, an address or a name of ``cnxv2_mm.zoo``. If it is 'none' or None, the size decides.

    Raises:
        FileNotFoundError: There is no such file.
        SwapRefused: The file holds several networks, or it is known to hold no whole one.
        ValueError: ``arch`` is unknown, contradicts the weights, or is missing for an address that is not in the zoo;
            ``checkpoint`` is no file, no name of the zoo and no address; or the file is damaged, holds no whole
            ConvNeXt, or holds NaN.
    """
    if arch is not None:
        find_variant(arch)
    if checkpoint is None or checkpoint == NO_WEIGHTS:
        return Network({"arch": arch or DEFAULT_ARCH}, in_channels=3 if checkpoint is None else None)
    if Path(checkpoint).expanduser().is_file():
        network = _of_file(checkpoint, arch)
    elif (weight := _published(checkpoint)) is not None:
        network = _of_zoo(weight)
    else:
        network = _unseen(checkpoint, arch)
    if arch is not None and find_variant(arch) != network.variant:
        raise ValueError(
            f"arch={arch!r} contradicts checkpoint={checkpoint!r}, which is for arch={network.arguments['arch']!r}: "
            "leave arch out, or choose other weights"
        )
    return network


def _published(checkpoint: str) -> zoo.Weight | None:
    """Return the row of the zoo that a name or an address stands for; None for another address.

    Raises:
        ValueError: It is neither a name nor an address.
    """
    scheme, separator, rest = checkpoint.partition("://")
    if scheme == "torchvision":  # torchvision://convnext_tiny.IMAGENET1K_V1; each model has these weights alone
        return zoo.WEIGHTS.get(f"{rest.partition('.')[0]}.tv_in1k")
    if separator:
        repository = {rest} if scheme == "hf" else set()
        return next((w for w, f in _files() if checkpoint in (f.address, f.mirror) or f.hub_id in repository), None)
    if zoo.is_name(checkpoint):
        zoo.find_file(checkpoint)  # refuses a source that has not got it
        return zoo.find_weight(checkpoint)
    near = difflib.get_close_matches(checkpoint, zoo.WEIGHTS, n=1)
    raise ValueError(
        f"checkpoint={checkpoint!r} is no file here, no address (https://...) and no name of the zoo"
        f"{f'; did you mean {near[0]}?' if near else ''} (`{command('zoo')} list` shows the names; {NO_WEIGHTS!r} "
        "is a random start)"
    )


def _files() -> Iterator[tuple[zoo.Weight, zoo.File]]:
    for weight in zoo.WEIGHTS.values():
        for file in weight.files.values():
            yield weight, file


def _of_zoo(weight: zoo.Weight) -> Network:
    notes = (_tell(weight.name, weight.backbone, "says the zoo"), licence_note(weight))
    return Network(weight.backbone, Statistics(weight.mean, weight.std), notes=notes)


def licence_note(weight: zoo.Weight) -> str:
    """Return a sentence about what published weights may be used for."""
    return f"weights: the licence of {weight.name} is {weight.terms}"


def _of_file(checkpoint: str, arch: Arch | None) -> Network:
    try:
        translation, architecture, _ = read_network(checkpoint)
    except ValueError as error:
        if not any(option in str(error) for option in _OPTIONS_OF_CONVERT):
            raise
        by_hand = "tools/convert_checkpoint.py (cnxv2 convert) can say this: swap with the file that it writes."
        raise SwapRefused("weights", f"{error}.", by_hand) from error
    arguments = _arguments(architecture, arch)
    notes = [_tell(checkpoint, arguments, f"by its tensors, which have the names of {translation.dialect.name}")]
    path = Path(checkpoint).expanduser()
    weight = next((weight for weight, file in _files() if file.name == path.name), None)
    images, why = find_statistics(path, translation.origins.values())
    if weight is not None:
        images, why = _of_zoo(weight).images, f"because the file has the name of the zoo's {weight.name}"
        notes.append(licence_note(weight))
    if architecture.in_channels == len(images.mean):
        notes.append(f"weights: mean and standard deviation of their images are {images.owner}, {why}")
    return Network(arguments, images, architecture.in_channels, len(architecture.depths), tuple(notes))


def _arguments(architecture: Architecture, arch: Arch | None) -> dict[str, Any]:
    """Return the arguments of a backbone of this architecture."""
    arguments: dict[str, Any] = {"arch": _size(architecture, arch)}
    if not architecture.use_grn:
        arguments["use_grn"] = False
    elif architecture.grn != "grn":
        arguments["grn"] = architecture.grn
    if architecture.layer_scale:
        arguments["layer_scale_init_value"] = V1_ARGUMENTS["layer_scale_init_value"]
    if architecture.norm_eps not in (None, LAYER_NORM_EPS):
        arguments["norm_eps"] = architecture.norm_eps
    return arguments


def _size(architecture: Architecture, arch: Arch | None) -> Arch:
    """Return a size whose first stages are those of an architecture, which may lack the last ones; ``arch`` first."""
    built = len(architecture.depths)
    candidates: list[Arch] = [*([] if arch is None else [arch]), *VARIANTS]
    for size in candidates:
        variant = find_variant(size)
        if (variant.depths[:built], variant.channels[:built]) == (architecture.depths, architecture.channels):
            return size
    if built < NUM_STAGES:
        raise SwapRefused(
            "weights",
            f"The weights have {built} of the {NUM_STAGES} stages, and no known size begins with depths "
            f"{architecture.depths} and channels {architecture.channels}.",
            "say the size with arch=dict(depths=..., channels=...) in Python.",
        )
    return {"depths": list(architecture.depths), "channels": list(architecture.channels)}


def _unseen(checkpoint: str, arch: Arch | None) -> Network:
    if arch is None:
        raise ValueError(
            f"checkpoint={checkpoint!r} is an address that cannot be looked at before the download: give its size as "
            "arch (--arch), or download the file and give that"
        )
    v1 = ", ".join(f"{key}={value!r}" for key, value in V1_ARGUMENTS.items())
    note = (
        f"weights: {checkpoint} could not be looked at before the download: it is taken for a V2 of size {arch}, and "
        f"for images with ImageNet's mean and standard deviation; for a V1 set {v1} in the backbone"
    )
    return Network({"arch": arch}, in_channels=None, notes=(note,))


def _tell(name: str, arguments: Mapping[str, Any], how: str) -> str:
    generation = "V1" if arguments.get("use_grn", True) is False else "V2"
    others = [f"{key}={value!r}" for key, value in arguments.items() if key != "arch"]
    settings = f"; the backbone gets {', '.join(others)}" if others else ""
    return f"weights: {name} is for ConvNeXt {generation}, arch={arguments['arch']!r}, {how}{settings}"
