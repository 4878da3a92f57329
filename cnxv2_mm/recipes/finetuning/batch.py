"""How many images a step has, and how many processes load them: what the data needs and the machine can hold."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from mmengine.config import Config
from mmengine.device import get_device

from cnxv2_mm.machine import this_machine, usable_cores
from cnxv2_mm.recipes.trial import Trial, largest_batch, try_batch

# Seconds of a step with one image, from which on larger batches are not tried but reckoned: on a CPU, where a step of
# two images takes twice as long and twice the memory.
_SLOW = 2.0
_SHARE_OF_MEMORY = 0.6
_MOST_WORKERS = 8


def choose_batch(config: Config, sizes: Sequence[int]) -> Trial:
    """Return what a step takes with the largest batch that the machine can hold.

    Args:
        config: A whole config.
        sizes: Numbers of images to choose from, the smallest first, each at most twice the one before.

    Raises:
        ValueError: Not even the smallest batch fits.
    """
    if get_device() != "cpu":
        return largest_batch(config, sizes)
    single = try_batch(config, sizes[0])
    if single is None or single.step_seconds < _SLOW * sizes[0]:
        return largest_batch(config, sizes)
    limit = _SHARE_OF_MEMORY * this_machine().memory
    factor = max(size for size in sizes if size == sizes[0] or single.memory * size / sizes[0] < limit) / sizes[0]
    return replace(
        single,
        batch_size=round(single.batch_size * factor),
        step_seconds=single.step_seconds * factor,
        loading_seconds=single.loading_seconds * factor,
        memory=round(single.memory * factor),
    )


def choose_workers(trial: Trial) -> int:
    """Return how many processes load images: enough to keep the device busy, one for each other core at most."""
    enough = ceil(1.5 * trial.loading_seconds / trial.step_seconds) if trial.step_seconds > 0 else 1
    return min(max(1, enough), max(1, usable_cores() - 1), _MOST_WORKERS)
