"""The network that a fine-tuning starts from: the folder of a pre-training, a published name, or a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnxv2_mm.checkpoints.metadata import read_metadata, stated_statistics
from cnxv2_mm.recipes.licence import licence_of
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.swap.network import Network, find_network
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.swap.weights import NO_WEIGHTS
from cnxv2_mm.variants import NUM_STAGES


@dataclass(frozen=True)
class Start:
    """Where a training starts.

    Attributes:
        weights: A file with its whole path, a name of ``cnxv2_mm.zoo``, or an address.
        arguments: The arguments of ``ConvNeXtV2`` that the weights decide, ``arch`` among them.
        channels: Number of channels of each stage.
        depths: Number of blocks of each stage.
        mean: Mean of each channel of the images, in the unit of their files: 0 to 255.
        std: Standard deviation of each.
        licence: Their licence, in words.
        notes: Sentences for the user: what the weights are, and their licence.
    """

    weights: str
    arguments: Mapping[str, Any]
    channels: tuple[int, ...]
    depths: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The size for people: 'atto', or its numbers."""
        arch = self.arguments["arch"]
        return arch if isinstance(arch, str) else f"depths {self.depths}, channels {self.channels}"

    def backbone(self, **arguments: Any) -> dict[str, Any]:
        """Return the ``backbone`` of a config.

        Args:
            arguments: More arguments of ``ConvNeXtV2``, such as ``drop_path_rate``.
        """
        channels = {"in_channels": len(self.mean)} if len(self.mean) != 3 else {}
        init = {"type": "cnxv2_mm.Pretrained", "checkpoint": self.weights}
        return {
            "_delete_": True,
            "type": "cnxv2_mm.ConvNeXtV2",
            **self.arguments,
            **channels,
            **arguments,
            "init_cfg": init,
        }


def find_start(source: str) -> Start:
    """Find out what network weights are for.

    Args:
        source: A run folder of ``cnxv2 pretrain``, a file of any dialect, a name of ``cnxv2_mm.zoo``, or an address.

    Raises:
        FileNotFoundError: The folder has no encoder, or there is no such file.
        ValueError: The file holds no whole ConvNeXt, or the name is unknown.
    """
    if source == NO_WEIGHTS:
        raise ValueError(f"--from {NO_WEIGHTS}: fine-tuning starts from weights, which `cnxv2 pretrain` makes")
    path = Path(source).expanduser()
    if path.is_dir():
        path = _encoder(RunFolder(path))
    weights = str(path.absolute()) if path.is_file() else source
    try:
        network = find_network(None, weights)
    except SwapRefused as error:
        raise ValueError(" ".join(str(error).split())) from None
    except ValueError as error:
        raise ValueError(str(error).replace("checkpoint=", "--from ")) from None
    if network.num_stages < NUM_STAGES:
        raise ValueError(f"--from {source} has {network.num_stages} of the {NUM_STAGES} stages of a ConvNeXt")
    metadata = read_metadata(path)
    mean, std = _statistics(path, metadata, network)
    return Start(
        weights=weights,
        arguments=network.arguments,
        channels=network.variant.channels,
        depths=network.variant.depths,
        mean=mean,
        std=std,
        licence=licence_of(weights, metadata),
        notes=network.notes,
    )


def _encoder(folder: RunFolder) -> Path:
    for file in (folder.encoder, folder.model):
        if file.is_file():
            return file
    if folder.holds_run:
        raise FileNotFoundError(
            f"--from {folder.path} holds a run that has not ended (no {folder.encoder.name}): go on with it by --resume"
        )
    raise FileNotFoundError(
        f"--from {folder.path} is no run folder of `cnxv2 pretrain` (no {folder.encoder.name}): give one, a file with "
        "weights, or a name that `cnxv2 zoo list` shows"
    )


def _statistics(
    path: Path, metadata: Mapping[str, str], network: Network
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of the images: those that the file states, or else what is known of it."""
    try:
        stated = stated_statistics(metadata)
    except ValueError as error:
        raise ValueError(f"--from {path}: {error}") from None
    mean, std = stated or (tuple(network.images.mean), tuple(network.images.std))
    if network.in_channels not in (None, len(mean)):
        known = "states" if stated else "does not state its own, and ImageNet has"
        raise ValueError(
            f"--from {path} {known} {len(mean)} means for images of {network.in_channels} channels: give the folder of "
            "its pre-training"
        )
    return mean, std
