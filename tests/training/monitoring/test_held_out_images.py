"""The images are those that the training does not see, always the same, with always the same masks."""

import random

import numpy as np
import pytest
import torch

from cnxv2_mm.training.monitoring.held_out_images import FixedImages, held_out_images, training_images
from tests.training.monitoring.conftest import MEAN, PIPELINE, STD

VALIDATION = {
    "val_dataloader": {
        "batch_size": 2,
        "num_workers": 0,
        "dataset": {"type": "CustomDataset", "with_label": False, "pipeline": PIPELINE},
        "sampler": {"type": "DefaultSampler", "shuffle": False},
    },
    "val_evaluator": {"type": "cnxv2_mm.ReconstructionLoss"},
    "val_cfg": {},
    "train_dataloader.sampler": {"type": "DefaultSampler", "shuffle": True},
}


def loops(runner):
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    if runner._val_loop is not None:
        runner._val_loop = runner.build_val_loop(runner._val_loop)
    return runner


def files(images):
    return [sample["data_samples"].img_path[-6:-4] for sample in images._samples]


def test_what_the_sampler_holds_out(runner):
    run = loops(runner())
    held_out = held_out_images(run, 8)
    assert files(held_out) == ["05", "15"]
    assert set(files(training_images(run, 100))) == {f"{i:02d}" for i in range(20)} - {"05", "15"}
    assert files(training_images(run, 3)) == ["03", "10", "17"]


def test_the_validation(runner, png_folder):
    run = loops(runner(**VALIDATION, **{"val_dataloader.dataset.data_root": str(png_folder)}))
    assert files(held_out_images(run, 4)) == ["02", "07", "12", "17"]


def test_nothing_to_look_at(runner):
    with pytest.raises(ValueError, match=r"no images that its training does not see: add .*HeldOutSampler"):
        held_out_images(loops(runner(**{"train_dataloader.sampler.type": "DefaultSampler"})), 4)


def test_crops_and_flips_are_drawn_once_for_all_runs(runner):
    dataset = loops(runner()).train_dataloader.dataset
    first = [sample["inputs"] for sample in FixedImages(dataset, [3, 9])._samples]
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    expected = random.random(), np.random.rand(), torch.rand(())  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    again = [sample["inputs"] for sample in FixedImages(dataset, [9, 3])._samples]
    assert torch.equal(first[0], again[1])
    assert torch.equal(first[1], again[0])
    assert (random.random(), np.random.rand(), torch.rand(())) == expected  # noqa: NPY002


def test_batches_are_what_the_model_trains_on(runner):
    """Normalised RGB of BGR bytes; 1 of the 4 patches is visible, whatever the size of the batch."""
    run = loops(runner())
    images = FixedImages(run.train_dataloader.dataset, [0, 1, 2, 3, 4])
    assert images.labels is None
    batches = list(images.batches(run.model, 2))
    assert [len(batch) for batch, _ in batches] == [2, 2, 1]
    raw = images._samples[3]["inputs"].flip(0).float()
    expected = (raw - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    assert torch.allclose(batches[1][0][1], expected, atol=1e-5)
    masks = [sample.visible for _, samples in batches for sample in samples]
    assert {int(mask.sum()) for mask in masks} == {1}
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) > 1
    at_once = [sample.visible for _, samples in images.batches(run.model, 5) for sample in samples]
    assert all(torch.equal(a, b) for a, b in zip(masks, at_once, strict=True))


def test_labels(runner, class_folders):
    changes = {"train_dataloader.dataset.with_label": True, "train_dataloader.dataset.data_root": str(class_folders)}
    run = loops(runner(**changes))
    assert FixedImages(run.train_dataloader.dataset, [1, 9, 10]).labels.tolist() == [0, 0, 1]


def test_sizes_must_agree():
    sizes = [torch.zeros(3, 64, 64), torch.zeros(3, 64, 96)]
    with pytest.raises(ValueError, match=r"2 sizes, such as \(3, 64, 64\) and \(3, 64, 96\)"):
        FixedImages([{"inputs": image} for image in sizes], [0, 1])
