"""A sampler that keeps some images away from the training, so that a folder without a validation set has one."""

from collections.abc import Iterator, Sized

from mmengine.dataset import DefaultSampler

from cnxv2_mm.arguments import check_count
from cnxv2_mm.registry import DATA_SAMPLERS

_MOST = 10  # one image in that many is held out at most


@DATA_SAMPLERS.register_module()
class HeldOutSampler(DefaultSampler):
    """mmengine's ``DefaultSampler`` of all images but some, which are spread evenly over the data set.

    Which ones depends on the number of images alone. So all processes and a resumed run hold out the same. If images
    next to each other are almost the same, as those of a film are, what is held out has been seen nevertheless.

    Args:
        dataset: The whole data set.
        num_held_out: How many images to hold out; of a small data set one in ten, and at least one.
        shuffle: Whether to draw a new order in each epoch.
        seed: The seed of that order; None takes the one that all processes share.
        round_up: Whether each process gets the same number of images, for which some come twice.

    Raises:
        ValueError: ``num_held_out`` is not a positive whole number, or the data set has a single image.
    """

    def __init__(
        self,
        dataset: Sized,
        num_held_out: int = 256,
        shuffle: bool = True,
        seed: int | None = None,
        round_up: bool = True,
    ) -> None:
        check_count("num_held_out", num_held_out)
        total = len(dataset)
        if total < 2:
            raise ValueError(f"the data set has {total} images, of which none can be held out: give it at least 2")
        number = min(num_held_out, max(1, total // _MOST))
        self.held_out = [(2 * i + 1) * total // (2 * number) for i in range(number)]
        self.kept = sorted(set(range(total)) - set(self.held_out))
        super().__init__(self.kept, shuffle, seed, round_up)

    def __iter__(self) -> Iterator[int]:
        """Iterate over the positions of the images in the whole data set."""
        return (self.kept[i] for i in super().__iter__())
