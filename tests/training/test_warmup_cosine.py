import pytest
import torch

from cnxv2_mm import WarmupCosineLR


def optimizer(*rates):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, lr=1.0)


def rates_of(scheduler, steps):
    rates = []
    for _ in range(steps):
        rates.append([group["lr"] for group in scheduler.optimizer.param_groups])
        scheduler.optimizer.step()
        scheduler.step()
    return rates


def test_each_group_keeps_its_share_of_the_rate():
    """Layer decay gives every group a rate of its own."""
    rates = rates_of(WarmupCosineLR(optimizer(1.0, 0.1), by_epoch=False, end=20), 20)
    assert [shallow for _, shallow in rates] == pytest.approx([0.1 * deep for deep, _ in rates])


def test_no_warmup_starts_at_the_full_rate_and_the_end_is_the_lowest():
    rates = rates_of(WarmupCosineLR(optimizer(1.0), warmup_share=0, eta_min=0.25, by_epoch=False, end=1000), 1000)
    assert rates[0] == [1.0]
    assert rates[500] == pytest.approx([0.625])
    assert rates[-1] == pytest.approx([0.25], abs=1e-5)


def test_a_resumed_schedule_goes_on():
    whole = rates_of(WarmupCosineLR(optimizer(1.0), by_epoch=False, end=20), 20)
    first = WarmupCosineLR(optimizer(1.0), by_epoch=False, end=20)
    rates_of(first, 7)
    second = WarmupCosineLR(optimizer(1.0), by_epoch=False, end=20)
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert rates_of(second, 13) == whole[7:]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"warmup_share": 1.0, "by_epoch": False, "end": 9}, "warmup_share=1.0 must be"),
        ({"warmup_share": -0.1, "by_epoch": False, "end": 9}, "warmup_share=-0.1 must be"),
        ({"end": 9}, "add by_epoch=False"),
        ({"by_epoch": False}, "set end"),
    ],
)
def test_what_cannot_be_a_schedule(settings, words):
    with pytest.raises(ValueError, match=words):
        WarmupCosineLR(optimizer(1.0), **settings)
