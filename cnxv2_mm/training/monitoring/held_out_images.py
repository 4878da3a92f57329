"""Images that the training does not see, loaded once, with masks that stay the same: what the hooks measure on."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.dataset import default_collate
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.distributed.fsdp import FullyShardedDataParallel

from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.images import finish_on_device
from cnxv2_mm.masking import count_visible, patch_grid, random_visible
from cnxv2_mm.training.random_state import unchanged_random_state
from cnxv2_mm.training.seeding import HELD_OUT, seed_host


class FixedImages:
    """Images as the data set's pipeline loads them, and for each a mask.

    Random numbers of the pipeline and of the masks are the same in every run.

    Args:
        dataset: A data set of OpenMMLab.
        indices: The positions of the images in it.

    Raises:
        ValueError: The images are of different sizes.
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        with unchanged_random_state():
            self._samples = [_load(dataset, index) for index in indices]
        shapes = {tuple(sample["inputs"].shape) for sample in self._samples}
        if len(shapes) > 1:
            raise ValueError(
                f"the held-out images have {len(shapes)} sizes, such as {' and '.join(map(str, sorted(shapes)[:2]))}; "
                "the pipeline of their data set must bring them to one size, by RandomResizedCrop for example"
            )

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def first(self) -> Tensor:
        """The first image as it was loaded, (C, height, width)."""
        return self._samples[0]["inputs"]

    @property
    def labels(self) -> Tensor | None:
        """The numbers of the images' classes, (N,); None if the data set has no labels."""
        labels = [getattr(sample.get("data_samples"), "gt_label", None) for sample in self._samples]
        return None if any(label is None for label in labels) else torch.cat([torch.as_tensor(x) for x in labels])

    def batches(self, model: FCMAE, size: int) -> Iterator[tuple[Tensor, list[BaseDataElement]]]:
        """Yield the images as the model takes them, (n, C, height, width), and data samples that say what it may see.

        Args:
            model: Its data preprocessor is used, and its share of hidden patches.
            size: Number of images in a batch, n.
        """
        generator = torch.Generator().manual_seed(0)
        for start in range(0, len(self), size):
            samples = self._samples[start : start + size]
            images = model.data_preprocessor(default_collate(samples), False)["inputs"]
            grid = patch_grid(images.shape[2], images.shape[3], model.patch_size)
            num_visible = count_visible(grid[0] * grid[1], model.mask_ratio)
            # One at a time: an image's mask does not depend on the size of the batch.
            visible = [random_visible(1, grid, num_visible, generator)[0] for _ in samples]
            yield images, [BaseDataElement(visible=seen) for seen in visible]


def held_out_images(runner: Runner, number: int) -> FixedImages:
    """Return up to ``number`` images that the run's training does not see, spread evenly.

    They are those that :class:`~.held_out_sampler.HeldOutSampler` holds out. If the training has another sampler, they
    are those of the validation.

    Raises:
        ValueError: The run has neither.
    """
    loader = runner.train_dataloader
    held_out = getattr(getattr(loader.batch_sampler, "sampler", None), "held_out", None)
    if held_out is not None:
        return FixedImages(loader.dataset, _spread(held_out, number))
    if runner.val_loop is not None:
        dataset = runner.val_dataloader.dataset
        return FixedImages(dataset, _spread(range(len(dataset)), number))
    raise ValueError(
        "the run has no images that its training does not see: add train_dataloader=dict(sampler=dict(type="
        "'cnxv2_mm.HeldOutSampler')), or a val_dataloader with val_evaluator=dict(type='cnxv2_mm.ReconstructionLoss')"
    )


def training_images(runner: Runner, number: int) -> FixedImages:
    """Return up to ``number`` images that the run's training sees, spread evenly."""
    loader = runner.train_dataloader
    kept = getattr(getattr(loader.batch_sampler, "sampler", None), "kept", range(len(loader.dataset)))
    return FixedImages(loader.dataset, _spread(kept, number))


def pre_trained_model(runner: Runner) -> tuple[FCMAE, Any]:
    """Return the model that a run pre-trains, and what to call to run it.

    The two differ under FSDP alone, where all processes must call the wrapper at the same time.

    Raises:
        ValueError: It is not FCMAE.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    if not isinstance(model, FCMAE):
        raise ValueError(f"the hook measures FCMAE, and the model is {type(model).__name__}: remove it from the config")
    return model, runner.model if isinstance(runner.model, FullyShardedDataParallel) else model


def _load(dataset: Any, index: int) -> dict[str, Any]:
    torch.default_generator.manual_seed(seed_host(HELD_OUT, index))
    sample = dataset[index]
    if sample["inputs"].ndim == 1:  # a JPEG that the device would decode
        (sample["inputs"],) = finish_on_device([sample["inputs"]], [sample["data_samples"]], "cpu")
    return sample


def _spread(indices: Sequence[int], number: int) -> list[int]:
    """Return ``number`` of the indices, or all if there are fewer, at equal distances."""
    number = min(number, len(indices))
    return [indices[(2 * i + 1) * len(indices) // (2 * number)] for i in range(number)]
