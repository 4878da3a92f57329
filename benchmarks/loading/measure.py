"""Check that the pipelines make the same images, then time them in turn."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks.loading.peers import SPECIFICATION, STD, Loading, LoadingPeer
from benchmarks.speed.timing import Quartiles, time_in_turn


@dataclass(frozen=True)
class Rate:
    """One pipeline, as it was timed.

    Attributes:
        peer: Its name.
        computes: What it does.
        images: How many images a call loads.
        seconds: Seconds of one call, in each round.
        levels: How far its images are from the specification's, of 255 grey levels, on average over whole images.
    """

    peer: str
    computes: str
    images: int
    seconds: list[float]
    levels: float

    @property
    def images_per_second(self) -> Quartiles:
        return Quartiles.of([self.images / s for s in self.seconds])


@dataclass(frozen=True)
class RateTable:
    """All pipelines, timed in one way: 'batch', 'batch on the device', or 'loader with N workers'."""

    way: str
    rows: list[Rate]

    def as_json(self) -> dict:
        derived = {row.peer: asdict(row.images_per_second) for row in self.rows}
        return {**asdict(self), "images_per_second": derived}


def check(peers: Sequence[LoadingPeer], folder: Path, size: int, device: torch.device) -> dict[str, float]:
    """Return by how many of 255 grey levels each pipeline's whole images differ from the specification's, on average.

    Raises:
        ValueError: One differs by more than it may.
    """
    expected = whole_images(SPECIFICATION, folder, size, device)
    differences = {}
    for peer in peers:
        found = whole_images(peer, folder, size, device)
        levels = ((found - expected).abs() * torch.tensor(STD, device=device).view(3, 1, 1)).mean().item()
        if not levels <= peer.levels:
            raise ValueError(f"the images of {peer.name} are {levels:.2f} grey levels away, more than {peer.levels}")
        differences[peer.name] = levels
    return differences


def whole_images(peer: LoadingPeer, folder: Path, size: int, device: torch.device) -> Tensor:
    """Return what leaves a pipeline that neither crops nor flips, (N, 3, size, size)."""
    loading = peer.build(folder, size, device, True)
    return loading.finish(_batch(loading))


def measure(
    peers: Sequence[LoadingPeer],
    folder: Path,
    size: int,
    device: torch.device,
    workers: Sequence[int],
    rounds: int,
    least_seconds: float,
) -> list[RateTable]:
    """Check and time pipelines.

    Args:
        peers: Which.
        folder: The files; all of them are a batch.
        size: Height and width of the images.
        device: Where the images go.
        workers: Numbers of worker processes; for 0 this process loads, and once also finishes the batch on the device.
        rounds: How many rounds, in each of which all are timed in turn.
        least_seconds: How long a measurement lasts at least, about.

    Returns:
        A table for each way of timing.

    Raises:
        ValueError: A pipeline's images differ from the specification's.
    """
    levels = check(peers, folder, size, device)
    built = [peer.build(folder, size, device, False) for peer in peers]
    ways: dict[str, list[Callable[[], Any]]] = {}
    for number in workers:
        if number == 0:
            ways["a batch in one process"] = [partial(_batch, each) for each in built]
            ways["the same, and what the device does"] = [partial(_finished_batch, each) for each in built]
        else:
            name = f"a loader with {number} worker{'s' if number > 1 else ''}"
            ways[name] = [_epoch(each, number, device) for each in built]
    tables = []
    for way, calls in ways.items():
        seconds = time_in_turn(calls, rounds, 1, device, least_seconds)
        rows = [
            Rate(peer.name, peer.computes, len(each.dataset), times, levels[peer.name])  # type: ignore[arg-type]
            for peer, each, times in zip(peers, built, seconds, strict=True)
        ]
        tables.append(RateTable(way, rows))
    return tables


def _batch(loading: Loading) -> object:
    """Load all files as one batch, as a data worker does."""
    dataset = loading.dataset
    return loading.collate([dataset[i] for i in range(len(dataset))])  # type: ignore[arg-type]


def _finished_batch(loading: Loading) -> None:
    loading.finish(_batch(loading))


def _epoch(loading: Loading, workers: int, device: torch.device) -> Callable[[], None]:
    """Return a call that takes all files out of a loader, in batches, and finishes these on the device."""
    batch_size = max(1, len(loading.dataset) // (4 * workers))  # type: ignore[arg-type]
    loader = DataLoader(
        loading.dataset,
        batch_size,
        num_workers=workers,
        persistent_workers=True,
        collate_fn=loading.collate,
        pin_memory=device.type == "cuda",
    )

    def call() -> None:
        for batch in loader:
            loading.finish(batch)

    return call
