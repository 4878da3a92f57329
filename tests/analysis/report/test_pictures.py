"""Maps and reconstructions are the right channels, patches and colours."""

import numpy as np
import torch

from cnxv2_mm.analysis.report.images import read_pixels
from cnxv2_mm.analysis.report.pictures import channel_maps


def test_channel_maps_are_at_equal_steps():
    cells = torch.arange(127.0).expand(2, 3, 127)
    maps = channel_maps(cells)
    assert maps.shape == (64, 2, 3)
    assert maps[:, 1, 2].tolist() == list(range(0, 127, 2))
    assert channel_maps(cells[..., :5])[:, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_reconstructions(v2, results, images, batch):
    with torch.no_grad():
        samples = v2.predict(batch[:4])
    mean, std = (np.array(numbers) for numbers in ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)))
    assert len(results[1].reconstructions) == 4
    for file, sample, shown in zip(images.files, samples, results[1].reconstructions, strict=False):
        original = read_pixels(file, 64, 3)
        assert np.array_equal(shown.original, original)
        painted = sample.reconstruction.permute(1, 2, 0).double().numpy() * std + mean
        assert np.abs(shown.painted - painted.clip(0, 255)).max() < 0.51
        for y in range(64):
            for x in range(64):
                visible = sample.visible[y // 32, x // 32]
                assert np.array_equal(shown.seen[y, x], original[y, x] if visible else [128] * 3)
