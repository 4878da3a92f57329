"""The data preprocessor: mmpretrain's numbers, flips and repeats that belong to the images, and what it refuses."""

import pytest
import torch
from mmengine.structures import BaseDataElement
from mmpretrain.models.utils import SelfSupDataPreprocessor
from torch import Tensor

from cnxv2_mm import FCMAE, ImagePreprocessor
from tests.conftest import photographs

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
NANO = {"type": "cnxv2_mm.ConvNeXtV2", "arch": {"depths": (1, 1, 1, 1), "channels": (8, 16, 32, 64)}}


def images_of_bytes(number: int, channels: int = 3) -> Tensor:
    return ((photographs(number, channels) + 2) * 64).clamp(0, 255).byte()


def samples_of(number: int) -> list[BaseDataElement]:
    return [BaseDataElement(metainfo={"img_path": f"{i}.jpg"}) for i in range(number)]


def test_the_numbers_are_mmpretrains(device):
    images = images_of_bytes(4)
    theirs = SelfSupDataPreprocessor(mean=MEAN, std=STD, to_rgb=True).to(device)
    expected = theirs({"inputs": images.flip(1), "data_samples": None}, True)["inputs"]  # it is given BGR
    ours = ImagePreprocessor(MEAN, STD, flip_prob=0.0).to(device)
    for training in (True, False):
        found = ours({"inputs": images, "data_samples": None}, training)["inputs"]
        assert found.device.type == device
        assert found.dtype == torch.float32
        assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.int16])
def test_any_number_of_channels_and_any_type(dtype):
    images = images_of_bytes(2, channels=8).to(dtype)
    numbers = torch.arange(1.0, 9.0)
    expected = (images.double() - numbers.view(8, 1, 1)) / (10 * numbers).view(8, 1, 1)
    preprocessor = ImagePreprocessor(numbers.tolist(), (10 * numbers).tolist())
    assert (preprocessor.mean.shape, preprocessor.std.shape) == ((8, 1, 1), (8, 1, 1))
    torch.testing.assert_close(preprocessor({"inputs": images})["inputs"].double(), expected)
    one_for_all = ImagePreprocessor([3.0], [7.0])({"inputs": images})["inputs"]
    torch.testing.assert_close(one_for_all.double(), (images.double() - 3) / 7)


def test_a_single_channel_becomes_as_many_as_the_mean_has():
    grey = images_of_bytes(2)[:, :1]
    found = ImagePreprocessor(MEAN, STD)({"inputs": grey})["inputs"]
    assert torch.equal(found, ImagePreprocessor(MEAN, STD)({"inputs": grey.expand(-1, 3, -1, -1)})["inputs"])


def test_images_are_flipped_one_by_one_in_training_only(device):
    images = images_of_bytes(200).to(device)
    preprocessor = ImagePreprocessor([0.0], [1.0], flip_prob=0.3).to(device)
    found = preprocessor({"inputs": images}, True)["inputs"]
    mirrored = torch.stack([torch.from_numpy(image.cpu().numpy()[..., ::-1].copy()) for image in images]).to(device)
    is_flipped = torch.tensor([torch.equal(a, b.float()) for a, b in zip(found, mirrored, strict=True)])
    is_kept = torch.tensor([torch.equal(a, b.float()) for a, b in zip(found, images, strict=True)])
    assert torch.equal(is_flipped, ~is_kept)
    assert 35 <= is_flipped.sum() <= 85  # 60 expected; the bounds are 3.8 standard deviations away
    assert torch.equal(preprocessor({"inputs": images}, False)["inputs"], images.float())


def test_flips_follow_pytorchs_generator():
    images = images_of_bytes(20)
    preprocessor = ImagePreprocessor([0.0], [1.0])
    torch.manual_seed(1)
    first = preprocessor({"inputs": images}, True)["inputs"]
    again = preprocessor({"inputs": images}, True)["inputs"]
    torch.manual_seed(1)
    assert torch.equal(preprocessor({"inputs": images}, True)["inputs"], first)
    assert not torch.equal(first, again)


def test_repeats_have_flips_of_their_own_and_keep_their_samples():
    images, samples = images_of_bytes(30), samples_of(30)
    preprocessor = ImagePreprocessor([0.0], [1.0], repeats=3)
    batch = preprocessor({"inputs": images, "data_samples": samples}, True)
    assert batch["inputs"].shape == (90, *images.shape[1:])
    assert [sample.img_path for sample in batch["data_samples"]] == [f"{i}.jpg" for i in range(30) for _ in range(3)]
    flipped = []
    for found, original in zip(batch["inputs"], images.float().repeat_interleave(3, dim=0), strict=True):
        assert torch.equal(found, original) or torch.equal(found, original.flip(-1))
        flipped.append(torch.equal(found, original.flip(-1)))
    assert 0 < sum(len(set(flipped[i : i + 3])) == 2 for i in range(0, 90, 3)) < 30
    kept = preprocessor({"inputs": images, "data_samples": samples}, False)
    assert kept["inputs"].shape == images.shape
    assert [sample.img_path for sample in kept["data_samples"]] == [f"{i}.jpg" for i in range(30)]


def test_repeats_have_masks_of_their_own():
    """FCMAE draws a mask for each image of the batch: the loss is that of R images, hidden each in its own way."""
    model = FCMAE(NANO, {"width": 16}, ImagePreprocessor(MEAN, STD, flip_prob=0.0, repeats=4))
    seen: list[Tensor] = []
    reconstruct = model.reconstruction_loss
    model.reconstruction_loss = lambda images, visible, n: (seen.append(visible), reconstruct(images, visible, n))[1]
    batch = model.data_preprocessor({"inputs": images_of_bytes(2), "data_samples": samples_of(2)}, True)
    assert model(**batch, mode="loss")["loss"].isfinite()
    (visible,) = seen
    assert visible.shape == (8, 3, 2)
    assert len(set(map(tuple, visible[:4].flatten(1).tolist()))) > 1


def test_a_list_of_images_becomes_a_batch():
    images = images_of_bytes(3)
    preprocessor = ImagePreprocessor(MEAN, STD)
    assert torch.equal(preprocessor({"inputs": list(images)})["inputs"], preprocessor({"inputs": images})["inputs"])
    with pytest.raises(ValueError, match=r"2 sizes, such as \(3, 90, 64\) and \(3, 96, 64\): the pipeline must"):
        preprocessor({"inputs": [images[0], images[1, :, :90]]})


def test_wrong_numbers_of_channels_are_refused_by_the_model():
    with pytest.raises(ValueError, match="mean has 2 numbers, but the backbone in_channels=3"):
        FCMAE(NANO, {"width": 16}, ImagePreprocessor([0.0] * 2, [1.0] * 2))
    model = FCMAE(NANO, {"width": 16}, ImagePreprocessor(MEAN, STD))
    with pytest.raises(ValueError, match=r"an image of shape \(2, 4, 96, 64\) must have 3 channels"):
        model.data_preprocessor({"inputs": images_of_bytes(2, 4)})


@pytest.mark.parametrize(
    "arguments",
    [
        {"mean": 1.0, "std": [1.0]},
        {"mean": [], "std": []},
        {"mean": [1.0], "std": [1.0, 2.0]},
        {"mean": [1.0], "std": [0.0]},
        {"mean": [1.0], "std": [1.0], "flip_prob": 1.5},
        {"mean": [1.0], "std": [1.0], "repeats": 0},
    ],
)
def test_arguments_outside_their_range_are_refused(arguments):
    with pytest.raises(ValueError, match=r"must be|need as many"):
        ImagePreprocessor(**arguments)
