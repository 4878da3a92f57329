"""The pipelines: the same whole images, and random crops of one size."""

import pytest
import torch
from skimage.io import imread
from skimage.transform import resize

from benchmarks.loading.measure import whole_images
from benchmarks.loading.peers import MEAN, PEERS, SPECIFICATION, STD
from benchmarks.loading.photographs import write_photographs

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_photographs(folder, 6)
    return folder


def test_the_specification_makes_normalised_rgb(files):
    """Scikit-image resizes with another antialiasing: the means of colours tell, RGB apart from BGR."""
    found = whole_images(SPECIFICATION, files, 96, CPU) * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(
        3, 1, 1
    )
    for path, image in zip(sorted(files.iterdir()), found, strict=True):
        expected = torch.from_numpy(resize(imread(path), (96, 96), anti_aliasing=True, preserve_range=True))
        assert (image.permute(1, 2, 0) - expected).abs().mean() < 8
        assert torch.allclose(image.mean(dim=(1, 2)).double(), expected.mean(dim=(0, 1)), atol=1)


@pytest.mark.parametrize("name", list(PEERS))
def test_each_pipeline_loads_a_batch(files, name):
    loading = PEERS[name].build(files, 64, CPU, False)
    batch = loading.collate([loading.dataset[i] for i in range(len(loading.dataset))])
    images = loading.finish(batch)
    assert images.shape == (6, 3, 64, 64)
    assert images.dtype == torch.float32
    assert 0.3 < images.std() < 3
    again = loading.finish(loading.collate([loading.dataset[i] for i in range(len(loading.dataset))]))
    assert not torch.equal(images, again)  # crops and flips are drawn anew
