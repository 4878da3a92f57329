"""What is held out is never trained on, and nothing else is lost; mmengine's own sampler gives the order."""

import pytest
from mmengine.dataset import DefaultSampler

from cnxv2_mm import HeldOutSampler


@pytest.mark.parametrize(("total", "asked", "number"), [(2, 256, 1), (20, 256, 2), (109, 256, 10), (5000, 256, 256)])
def test_held_out_and_kept_are_the_whole(total, asked, number):
    sampler = HeldOutSampler(range(total), asked, seed=0)
    assert len(sampler.held_out) == number
    assert sorted([*sampler.held_out, *sampler]) == list(range(total))
    assert len(sampler) == total - number


def test_they_are_spread_evenly():
    """One from each class of a folder whose classes come one after the other."""
    assert [i // 100 for i in HeldOutSampler(range(1000), 10, seed=0).held_out] == list(range(10))


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_order_is_mmengines(shuffle):
    sampler = HeldOutSampler(range(30), shuffle=shuffle, seed=5)
    expected = DefaultSampler(range(27), shuffle=shuffle, seed=5)
    kept = [i for i in range(30) if i not in sampler.held_out]
    orders = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        expected.set_epoch(epoch)
        orders.append(list(sampler))
        assert orders[-1] == [kept[i] for i in expected]
    assert (orders[0] != orders[1]) == shuffle


def test_two_processes_share_what_is_kept(monkeypatch):
    seen = []
    for rank in (0, 1):
        monkeypatch.setattr("mmengine.dataset.sampler.get_dist_info", lambda rank=rank: (rank, 2))
        sampler = HeldOutSampler(range(40), seed=1)
        seen.append(list(sampler))
        assert len(seen[-1]) == len(sampler) == 18
    assert sorted(seen[0] + seen[1]) == [i for i in range(40) if i not in sampler.held_out]


def test_errors():
    with pytest.raises(ValueError, match="num_held_out=0 must be a whole number"):
        HeldOutSampler(range(10), 0)
    with pytest.raises(ValueError, match="1 images, of which none can be held out"):
        HeldOutSampler(range(1))
