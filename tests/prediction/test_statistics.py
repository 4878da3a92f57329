"""By what images are normalised: each place that can say it, and what is done where nothing does."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cnxv2_mm import zoo
from cnxv2_mm.prediction.statistics import Statistics, find_statistics


def write(file, mean=None, std=None):
    metadata = None if mean is None else {"mean": json.dumps(mean), "std": json.dumps(std)}
    save_file({"x": torch.zeros(1)}, file, metadata=metadata)
    return str(file)


def test_of_the_zoo():
    clip = next(weight for weight in zoo.WEIGHTS.values() if weight.mean != zoo.WEIGHTS["convnextv2_tiny_fcmae"].mean)
    for weight in (clip, zoo.WEIGHTS["convnextv2_tiny_fcmae"]):
        found = find_statistics(weight.name, 3)
        assert (found.mean, found.std) == (weight.mean, weight.std)
        assert found.source == f"those that {weight.name} was trained with"


def test_of_a_file_and_of_a_run(tmp_path):
    file = write(tmp_path / "encoder.safetensors", [1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0])
    for checkpoint in (file, str(tmp_path)):
        found = find_statistics(checkpoint, 4)
        assert (found.mean, found.std) == ((1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0, 8.0))
    with pytest.raises(ValueError, match=r"takes 3 channels, and those in .* has a mean of 4"):
        find_statistics(file, 3)


def test_of_a_fine_tuned_model(tmp_path):
    (tmp_path / "config.py").write_text("model = dict(data_preprocessor=dict(mean=[7.0], std=[9.0]))\n")
    (tmp_path / "model.pth").touch()
    found = find_statistics(str(tmp_path), 1)
    assert (found.mean, found.std, found.source) == ((7.0,), (9.0,), f"those in {tmp_path / 'config.py'}")


def test_where_nothing_says_it(tmp_path):
    file = write(tmp_path / "bare.safetensors")
    colour = find_statistics(file, 3)
    assert colour.mean == (123.675, 116.28, 103.53)
    assert colour.source == "ImageNet's, since the weights do not say theirs"
    assert find_statistics(file, 1).mean == pytest.approx((np.mean(colour.mean),))
    with pytest.raises(ValueError, match=r"takes 5 channels and does not say.*--mean and --std"):
        find_statistics(file, 5)


def test_normalised_images_have_mean_0_and_deviation_1():
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32)).astype(np.uint8))
    values = images.double().transpose(0, 1).flatten(1)
    statistics = Statistics(tuple(values.mean(1).tolist()), tuple(values.std(1, correction=0).tolist()), "")
    normalised = statistics.normalise(images).transpose(0, 1).flatten(1)
    assert normalised.mean(1).abs().max() < 1e-5
    assert (normalised.std(1, correction=0) - 1).abs().max() < 1e-5
