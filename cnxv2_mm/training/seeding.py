"""A resumed run goes on as the uninterrupted one would have: its random numbers depend on the seed and the step alone.

The state of a random generator depends on everything that was drawn from it before, in this process and in each data
worker. It is lost when a run stops. So every generator is seeded again and again: before each training step from the
seed and the number of the step, and before each training sample from the seed, the process, and the place of the sample
in the order of the data. All of these are the same after a resume, with any number of workers.
"""

import logging
import random
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, SupportsIndex

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch.utils.data import DataLoader, IterableDataset

# So that the numbers of a step are not those of a sample, or of an image that is held out.
_STEP, _SAMPLE, HELD_OUT = 0, 1, 2


def make_repeatable(runner: Runner) -> None:
    """Make a training draw the same random numbers with and without interruptions.

    Args:
        runner: A runner that has not started to train.
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
    """A hook that seeds every random generator before each training step."""

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed Python, numpy and PyTorch on all devices. With ``diff_rank_seed`` each process has its own seed."""
        torch.manual_seed(seed_host(_STEP, runner.seed, runner.iter))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Note in the checkpoint how many processes share the data."""
        checkpoint.setdefault("meta", {})["world_size"] = runner.world_size

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Warn if a resumed run cannot be the same, since it has another number of processes."""
        processes = checkpoint.get("meta", {}).get("world_size", runner.world_size)
        if runner._resume and processes != runner.world_size:
            runner.logger.warning(
                f"The checkpoint is of {processes} processes and this run has {runner.world_size}: order and "
                "augmentation of the data go on differently than in an uninterrupted run."
            )


def seed_samples(loader: DataLoader, seed: int) -> None:
    """Make the augmentation of a sample depend on the seed and its place in the order of the data alone.

    The sampler yields numbers that know their place. The data set, in this process or in a worker, seeds the generators
    from that place before it reads the sample. Data sets and samplers keep their attributes and methods.

    Args:
        loader: A loader that has not been iterated yet; edited in place.
        seed: The run's seed.
    """
    sampler = getattr(loader.batch_sampler, "sampler", None)
    if sampler is None or isinstance(loader.dataset, IterableDataset):
        _warn("the loader takes samples without a sampler")
        return
    sampler.__class__ = _placing(type(sampler))
    sampler._run, sampler._pass, sampler._place = (seed, get_rank()), 0, 0
    # PyTorch's loader asks a data set for whole batches this way, if it can.
    dataset: Any = loader.dataset
    dataset.__getitems__ = _SeededReader(dataset)


class PlacedIndex(int):
    """The number of a sample, with what its random numbers depend on: seed, process, pass, place in the pass."""

    key: tuple[int, ...]

    def __new__(cls, index: SupportsIndex, key: tuple[int, ...]) -> "PlacedIndex":
        self = super().__new__(cls, index)
        self.key = key
        return self

    def __reduce__(self) -> tuple[type, tuple[int, tuple[int, ...]]]:
        return PlacedIndex, (int(self), self.key)


def _placing(kind: type) -> type:
    """Return a subclass of a sampler's class, which counts what it yields. Objects of ``kind`` can change to it."""

    class Placing(kind):
        _run: tuple[int, int]  # seed, process
        _pass: int
        _place: int

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
    """Reads the samples of a batch, each with a seed of its own."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __call__(self, indices: Sequence[int]) -> list[Any]:
        return [self._read(index) for index in indices]

    def _read(self, index: int) -> Any:
        if not isinstance(index, PlacedIndex):
            return self.dataset[index]
        # PyTorch's generator of the CPU: workers have no other.
        torch.default_generator.manual_seed(seed_host(_SAMPLE, *index.key))
        return self.dataset[int(index)]


def seed_host(*key: int) -> int:
    """Seed Python and numpy by a key of any length, and return a seed for PyTorch."""
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
