"""A training that is resumed draws the crops, flips and masks of one that was not interrupted."""

import torch

from cnxv2_mm.training.runner import build_runner
from tests.images.files import photograph, save
from tests.training.monitoring.conftest import MEAN, STD, settings

PIPELINE = [
    {"type": "cnxv2_mm.LoadImage"},
    {"type": "cnxv2_mm.RandomResizedCrop", "scale": 64},
    {"type": "PackInputs"},
]
PREPROCESSOR = {"_delete_": True, "type": "cnxv2_mm.ImagePreprocessor", "mean": MEAN, "std": STD, "repeats": 2}


def train(folder, images, **changes):
    """The losses of a training by their step, and its last weights."""
    changes = {"model.data_preprocessor": PREPROCESSOR, "default_hooks.checkpoint.interval": 1, **changes}
    config = settings(folder, images, **changes)
    config.default_hooks.checkpoint.max_keep_ckpts = -1
    config.train_dataloader.dataset.pipeline = PIPELINE
    runner = build_runner(config)
    runner.train()
    return torch.load(folder / "epoch_2.pth", weights_only=False)["state_dict"]


def test_a_resumed_training_ends_with_the_same_weights(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for i in range(12):
        save(images / f"{i:02}.jpg", photograph(80 + i, 90 + 2 * i))
    whole = train(tmp_path / "whole", images)
    first = str(tmp_path / "whole" / "epoch_1.pth")
    resumed = train(tmp_path / "resumed", images, load_from=first, resume=True)
    assert not (tmp_path / "resumed" / "epoch_1.pth").exists()
    for name, tensor in whole.items():
        assert torch.equal(resumed[name], tensor), name
    other = train(tmp_path / "other", images, randomness={"seed": 1})
    assert any(not torch.equal(other[name], tensor) for name, tensor in whole.items())
