"""Dead and saturated channels, against the definitions written out channel by channel with numpy."""

import numpy as np
import pytest

from cnxv2_mm.analysis.channel_activity import ActivityShares, ChannelActivity
from tests.conftest import photographs


def channel_by_channel(images):
    dead, saturated = [], []
    for image in images:  # (M, C)
        layer = np.sqrt(np.mean(image**2))
        dead.append([np.abs(channel).max() <= 0.01 * layer for channel in image.T])
        saturated.append([np.std(c) <= 0.1 * abs(np.mean(c)) for c in image.T])
    dead, saturated = np.array(dead), np.array(saturated)
    return ActivityShares(dead.mean(), (saturated & ~dead).mean(), dead.all(axis=0).mean())


def cells():
    """Six photographs in 24 channels, some of which are dead, saturated, or dead on one image only."""
    x = photographs(6, channels=24, size=(8, 6)).permute(0, 2, 3, 1).clone()
    x[..., 3] = 0
    x[..., 4] *= 1e-4
    x[..., 5] = 3 + 0.01 * x[..., 5]
    x[..., 6] = -2
    x[2, ..., 7] = 0
    x[:4, ..., 8] = 0  # all of the first batch
    return x


def test_the_shares_are_those_of_the_definitions():
    activity = ChannelActivity()
    x = cells()
    for batch in x.split(4):
        activity.update(batch)
    got, expected = activity.compute(), channel_by_channel(x.flatten(1, 2).double().numpy())
    assert got.dead == pytest.approx(expected.dead)
    assert got.dead == pytest.approx((2 + 1 / 6 + 4 / 6) / 24)
    assert got.saturated == pytest.approx(expected.saturated)
    assert got.saturated >= 2 / 24
    assert got.always_dead == pytest.approx(expected.always_dead)
    assert got.always_dead == pytest.approx(2 / 24)


def test_the_scale_of_the_layer_does_not_matter():
    small, large = ChannelActivity(), ChannelActivity()
    small.update(cells() * 1e-3)
    large.update(cells() * 1e3)
    assert small.compute() == large.compute()


def test_no_image_is_an_error():
    with pytest.raises(ValueError, match="0 images were measured"):
        ChannelActivity().compute()
