"""A resumed run goes on as the uninterrupted one would have: random numbers follow from the seed and the step.

A generator's state depends on all that was drawn from it before, in this process and in each data worker, and is lost
when a run stops. So nothing is left to it: before each training step all generators start from the seed and the
number of the step, and before each training sample is read from the seed, the process, and the sample's place in the
order of the data. Both are the same after a resume, whatever the number of workers.
"""

import logging
import random
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch.utils.data import DataLoader, IterableDataset

_STEP, _SAMPLE = 0, 1  # so that the numbers of a step are not those of a sample


def make_repeatable(runner: Runner) -> None:
    """Make a training draw the same numbers with and without interruptions.

    Args:
        runner: Before it trains.
    """
    runner.register_hook(SeedSteps(), priority="VERY_HIGH")
    build = runner.build_dataloader

    def build_dataloader(dataloader: Any, *args: Any, **kwargs: Any) -> DataLoader:
        loader = build(dataloader, *args, **kwargs)
        if dataloader is runner._train_dataloader:
            seed_samples(loader, runner.seed)
        return loader

    runner.build_dataloader = build_dataloader


class SeedSteps(Hook):
    """Starts every generator anew before each training step."""

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seeds Python, numpy and PyTorch on all devices; with ``diff_rank_seed`` each process otherwise."""
        torch.manual_seed(_seed_host(_STEP, runner.seed, runner.iter))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Note how many processes share the data."""
        checkpoint.setdefault("meta", {})["world_size"] = runner.world_size

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Says when a resumed run cannot be the same."""
        processes = checkpoint.get("meta", {}).get("world_size", runner.world_size)
        if runner._resume and processes != runner.world_size:
            runner.logger.warning(
                f"The checkpoint is of {processes} processes and this run has {runner.world_size}: order and "
                "augmentation of the data go on differently than in an uninterrupted run."
            )


def seed_samples(loader: DataLoader, seed: int) -> None:
    """Make a sample's augmentation depend on its place in the order of the data alone; edits the loader in place.

    The sampler's numbers carry their place along; the data set, in whichever process it is, starts its generators from
    it. Data sets and samplers keep their classes, attributes and methods.

    Args:
        loader: A loader that has not been iterated yet.
        seed: The run's seed.
    """
    sampler = getattr(loader.batch_sampler, "sampler", None)
    if sampler is None or isinstance(loader.dataset, IterableDataset):
        _warn("the loader takes samples without a sampler")
        return
    sampler.__class__ = _placing(type(sampler))
    sampler._run, sampler._pass, sampler._place = (seed, get_rank()), 0, 0
    # PyTorch's loader asks a data set for whole batches this way, if it can.
    loader.dataset.__getitems__ = _SeededReader(loader.dataset)


class PlacedIndex(int):
    """The number of a sample, and what its random numbers follow from: seed, process, pass, place in the pass."""

    def __new__(cls, index: int, key: tuple[int, ...]) -> "PlacedIndex":
        self = super().__new__(cls, index)
        self.key = key
        return self

    def __reduce__(self) -> tuple[type, tuple[int, tuple[int, ...]]]:
        return PlacedIndex, (int(self), self.key)


def _placing(kind: type) -> type:
    """Return a class of samplers that count what they yield; their objects are laid out as those of ``kind``."""

    class Placing(kind):
        def __iter__(self) -> Iterator[Any]:
            for index in super().__iter__():
                key = (*self._run, self._pass, self._place)
                self._place += 1
                if isinstance(index, Integral):
                    yield PlacedIndex(index, key)
                else:
                    if self._place == 1:
                        _warn(f"the sampler yields a {type(index).__name__}, not a number")
                    yield index

        def set_epoch(self, epoch: int) -> None:
            if epoch != self._pass:
                self._pass, self._place = epoch, 0
            if hasattr(kind, "set_epoch"):
                super().set_epoch(epoch)

        if hasattr(kind, "skip"):  # to a place; mmengine does so on a resume

            def skip(self, num_samples: int) -> None:
                super().skip(num_samples)
                self._place = num_samples

    Placing.__name__ = kind.__name__
    return Placing


class _SeededReader:
    """Reads the samples of a batch, each from a seed of its own."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __call__(self, indices: Sequence[int]) -> list[Any]:
        return [self._read(index) for index in indices]

    def _read(self, index: int) -> Any:
        if not isinstance(index, PlacedIndex):
            return self.dataset[index]
        # Of PyTorch the CPU's generator: workers have no other.
        torch.default_generator.manual_seed(_seed_host(_SAMPLE, *index.key))
        return self.dataset[int(index)]


def _seed_host(*key: int) -> int:
    """Seeds Python and numpy; returns a seed for PyTorch."""
    words = np.random.SeedSequence(key).generate_state(4)
    random.seed(words.tobytes())
    np.random.seed(words)  # noqa: NPY002  the generator that augmentations draw from
    return int.from_bytes(words[:2].tobytes(), "little")


def _warn(reason: str) -> None:
    print_log(
        f"Data augmentation will not go on as before when this run is resumed: {reason}.",
        logger="current",
        level=logging.WARNING,
    )
