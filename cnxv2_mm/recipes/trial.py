"""A few steps of a training before it begins: how long a step takes, and which batch the device can hold."""

import logging
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from cnxv2_mm.config.entry import type_name
from cnxv2_mm.machine import this_machine, usable_cores
from cnxv2_mm.training.mixed_precision import Float32OutputHook, check_amp_device
from cnxv2_mm.training.monitoring.throughput import peak_memory
from cnxv2_mm.training.random_state import unchanged_random_state

_STEPS = 3
_SPARE = 1.5  # as many images as the device needs, and half as many again
_MOST_WORKERS = 16
_SHARE_OF_MEMORY = 0.6  # of a machine without a GPU that a training may take: its user works on it, too


@dataclass(frozen=True)
class Trial:
    """What a few steps said.

    Attributes:
        batch_size: Number of images in a step.
        step_seconds: Seconds that the device computes for a step: the median, without the first step.
        loading_seconds: Seconds that one process takes to load a batch: the median.
        memory: Bytes that the training needs: on CUDA what PyTorch allocated, else what the process grew by.
    """

    batch_size: int
    step_seconds: float
    loading_seconds: float
    memory: int

    def seconds_per_step(self, num_workers: int) -> float:
        """Return how long a step of the training will take.

        A GPU computes while the workers load: the slower one decides. On a CPU both share the cores.

        Args:
            num_workers: Number of processes that load images.
        """
        if get_device() == "cpu":
            return self.step_seconds + self.loading_seconds / (usable_cores() if num_workers else 1)
        if not num_workers:
            return self.step_seconds + self.loading_seconds
        return max(self.step_seconds, self.loading_seconds / num_workers)


def try_batch(config: Config, batch_size: int) -> Trial | None:
    """Train a few steps of a config, with its own data, and forget what was learnt.

    Random numbers are afterwards as they were. Nothing is written.

    Args:
        config: A whole config of a training: its model, data loader and optimiser are built.
        batch_size: Number of images in a step.

    Returns:
        What the steps said; None if the device's memory does not suffice.
    """
    check_amp_device(config)
    device = get_device()
    before = peak_memory()
    with _quiet(), unchanged_random_state(), DefaultScope.overwrite_default_scope(config.get("default_scope")):
        loader = _loader(config, batch_size)
        try:
            model = MODELS.build(deepcopy(config.model)).to(device).train()
            for hook in config.get("custom_hooks") or ():
                if type_name(hook) == Float32OutputHook.__name__:  # a compiled mmcv cannot pool maps of bfloat16
                    Float32OutputHook(hook["part"]).convert(model)
            optimizer = build_optim_wrapper(model, deepcopy(config.optim_wrapper))
            steps, loadings = [], []
            for _, (batch, loading) in zip(range(_STEPS), _timed(loader), strict=False):
                started = time.perf_counter()
                model.train_step(batch, optimizer)
                if device == "cuda":
                    torch.cuda.synchronize()
                steps.append(time.perf_counter() - started)
                loadings.append(loading)
            memory = torch.cuda.max_memory_allocated() if device == "cuda" else peak_memory() - before
        except torch.OutOfMemoryError:
            return None
        finally:
            model = optimizer = batch = None
            if device == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
    return Trial(batch_size, statistics.median(steps[1:] or steps), statistics.median(loadings), memory)


def largest_batch(config: Config, sizes: Sequence[int]) -> Trial:
    """Return the trial of the largest batch that the device can hold.

    On a GPU each size is tried. Elsewhere a size is not tried if twice the memory of the one before would exceed 60 %
    of the machine's.

    Args:
        config: See :func:`try_batch`.
        sizes: Numbers of images, the smallest first, each at most twice the one before.

    Raises:
        ValueError: Not even the smallest batch fits.
    """
    best: Trial | None = None
    for size in sizes:
        if best is not None and get_device() == "cpu" and 2 * best.memory > _SHARE_OF_MEMORY * this_machine().memory:
            break
        trial = try_batch(config, size)
        if trial is None:
            break
        best = trial
    if best is None:
        raise ValueError(
            f"a batch of {sizes[0]} does not fit into the memory of {this_machine()}: choose a smaller --arch or a "
            "smaller --size"
        )
    return best


def choose_workers(trial: Trial) -> int:
    """Return how many processes load images: as many as keep the device busy, one for each other core at most.

    Args:
        trial: What a step and its loading take.
    """
    enough = math.ceil(_SPARE * trial.loading_seconds / max(trial.step_seconds, 1e-6))
    return min(max(1, enough), usable_cores() - 1, _MOST_WORKERS)


def _loader(config: Config, batch_size: int) -> DataLoader:
    settings = deepcopy(config.train_dataloader)
    settings.update(batch_size=batch_size, num_workers=0, persistent_workers=False)
    settings.pop("prefetch_factor", None)
    return Runner.build_dataloader(settings)


def _timed(loader: DataLoader) -> Iterator[tuple[Any, float]]:
    """Yield batches without end, each with the seconds that it took to load."""
    while True:
        batches = iter(loader)
        while True:
            started = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                break
            yield batch, time.perf_counter() - started


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the libraries log to themselves: the training will say it again."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
