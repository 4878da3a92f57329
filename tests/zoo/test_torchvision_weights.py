"""Against torchvision's own table."""

import pytest
import torch
from torchvision import models

from cnxv2_mm.zoo.torchvision_weights import weights

SIZES = ("tiny", "small", "base", "large")
WEIGHTS = {weight.size: weight for weight in weights()}


def test_all_of_torchvisions_are_here():
    theirs = [name for name in models.list_models() if "convnext" in name]
    assert sorted(theirs) == sorted(f"convnext_{size}" for size in WEIGHTS)
    assert [len(models.get_model_weights(name)) for name in theirs] == [1] * 4
    assert [weight.name for weight in weights()] == [f"convnext_{size}.tv_in1k" for size in SIZES]


@pytest.mark.parametrize("size", SIZES)
def test_torchvision_agrees(size):
    weight = WEIGHTS[size]
    (theirs,) = models.get_model_weights(f"convnext_{size}")
    file = weight.files["torchvision"]
    assert file.address == theirs.url
    assert file.name == f"convnext_{size}-{file.sha256}.pth"  # torch.hub checks the digits in the name
    (accuracy,) = weight.accuracies
    metrics = theirs.meta["_metrics"]["ImageNet-1K"]
    assert (accuracy.top1, accuracy.top5) == (metrics["acc@1"], metrics["acc@5"])
    assert weight.classes == len(theirs.meta["categories"])
    assert weight.parameters == theirs.meta["num_params"]


@pytest.mark.parametrize("size", SIZES)
def test_images_are_normalised_alike(size):
    weight = WEIGHTS[size]
    preprocess = models.get_model_weights(f"convnext_{size}").DEFAULT.transforms()
    image = torch.randint(0, 256, (3, 300, 300), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    constant = image[:, :1, :1].expand(3, 300, 300)  # no resize changes it
    theirs = preprocess(constant)
    assert theirs.shape == (3, weight.resolution, weight.resolution)
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (weight.mean, weight.std))
    torch.testing.assert_close((constant[:, :1, :1] - mean) / std, theirs[:, :1, :1], rtol=1e-4, atol=1e-4)
