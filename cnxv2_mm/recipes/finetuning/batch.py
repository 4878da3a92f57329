"""How many images a step has: what the data needs and the machine can hold."""

from collections.abc import Sequence
from dataclasses import replace

from mmengine.config import Config
from mmengine.device import get_device

from cnxv2_mm.machine import this_machine
from cnxv2_mm.recipes.trial import Trial, largest_batch, try_batch

# Seconds of a step with one image, from which on larger batches are not tried but reckoned: on a CPU, where a step of
# two images takes twice as long and twice the memory.
_SLOW = 2.0
_SHARE_OF_MEMORY = 0.6


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
