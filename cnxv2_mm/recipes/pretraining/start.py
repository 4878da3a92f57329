"""The weights that a pre-training starts from, if any: what network they are for, and under which licence."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnxv2_mm.checkpoints.metadata import read_metadata, stated_statistics
from cnxv2_mm.images.survey import Survey
from cnxv2_mm.recipes.licence import licence_of
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.swap.network import find_network
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.swap.weights import NO_WEIGHTS


@dataclass(frozen=True)
class Start:
    """Weights that a training starts from.

    Attributes:
        name: As the user wrote it.
        checkpoint: A file with its whole path, a name of ``cnxv2_mm.zoo``, or an address.
        arguments: The arguments of ``ConvNeXtV2`` that they decide, ``arch`` among them.
        mean: Mean of each channel of their images, in 0 ... 255 for bytes.
        std: Standard deviation of each.
        licence: Their licence, in words.
    """

    name: str
    checkpoint: str
    arguments: Mapping[str, Any]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str


def find_start(weights: str, arch: str | None, survey: Survey) -> Start | None:
    """Find out what network the weights are for; nothing is downloaded yet.

    Args:
        weights: A run folder of a pre-training, a file of any dialect, a name of ``cnxv2_mm.zoo``, an address, or
            'none'.
        arch: The size that the user asked for, None if none.
        survey: The images, which need as many channels.

    Returns:
        None for 'none'.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The weights are unknown, are no whole ConvNeXt, or fit neither the size nor the images.
    """
    if weights == NO_WEIGHTS:
        return None
    path = Path(weights).expanduser()
    if path.is_dir():
        path = RunFolder(path).encoder
        if not path.is_file():
            raise FileNotFoundError(
                f"--weights {weights} is a folder without {path.name}: give a file, or a run folder"
            )
    checkpoint = str(path.absolute()) if path.is_file() else weights
    try:
        network = find_network(arch, checkpoint)
    except (ValueError, SwapRefused) as error:
        text = " ".join(str(error).split()).replace(f"checkpoint={checkpoint!r}", f"--weights {weights}")
        raise ValueError(text.replace("arch=", "--arch ")) from None
    stated = read_metadata(path)
    mean, std = stated_statistics(stated) or (network.images.mean, network.images.std)
    if network.in_channels not in (None, survey.channels) or len(mean) != survey.channels:
        have = network.in_channels or len(mean)
        raise ValueError(
            f"--weights {weights} is for images of {have} channels, and those in {survey.folder} have "
            f"{survey.channels}: leave --weights out."
        )
    licence = licence_of(checkpoint, stated)
    return Start(weights, checkpoint, network.arguments, tuple(mean), tuple(std), licence)
