"""Pre-training: reproducible, measured at its moments, with the schedule and decay of table 8."""

import math
from dataclasses import replace

import pytest
import torch

from benchmarks.evidence.arms import ARMS
from benchmarks.evidence.pretraining import flip_some, make_optimizer, make_schedule, pretrain
from tests.benchmarks.evidence.examples import TINY, digits

V2 = ARMS[1]


def test_it_learns_and_is_the_same_again():
    settings = replace(TINY, pretrain_steps=40, pretrain_rate=5e-3)
    _, losses = pretrain(V2, digits()[0], 0, settings, lambda moment, encoder: None)
    assert len(losses) == 10
    assert losses[-1] < losses[0]
    short = replace(TINY, pretrain_steps=3)
    first, again, other = (pretrain(V2, digits()[0], seed, short, lambda *_: None)[1] for seed in (0, 0, 1))
    assert first == again != other


def test_measuring_at_the_moments_changes_nothing():
    settings = replace(TINY, moments=(0.0, 0.5, 1.0))
    seen = []
    _, losses = pretrain(
        V2, digits()[0], 0, settings, lambda m, encoder: seen.append((m, encoder.stages[0][0].grn.gamma.norm().item()))
    )
    assert [moment for moment, _ in seen] == [0, 0.5, 1]
    assert seen[0][1] == 0  # as it was initialised
    assert seen[1][1] != seen[2][1]
    assert losses == pretrain(V2, digits()[0], 0, settings, lambda *_: None)[1]


def test_the_schedule_is_a_warm_up_and_half_a_cosine():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=2.0)
    schedule = make_schedule(optimizer, 100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:5] == pytest.approx([2 * i / 5 for i in range(5)])
    assert rates[5:] == pytest.approx([1 + math.cos(math.pi * i / 95) for i in range(95)])


def test_matrices_are_decayed_and_vectors_are_not():
    model, _ = pretrain(V2, digits()[0], 0, replace(TINY, pretrain_steps=1), lambda *_: None)
    decayed, spared = make_optimizer(model, 1e-3, (0.9, 0.95)).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.05, 0)
    assert decayed["betas"] == (0.9, 0.95)  # table 8
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert len(decayed["params"]) + len(spared["params"]) == len(names)
    assert all(names[id(p)].endswith("weight") for p in decayed["params"])
    assert not any("grn" in names[id(p)] or "mask_token" in names[id(p)] for p in decayed["params"])


def test_half_of_the_images_are_mirrored():
    images = torch.arange(2000.0).view(500, 1, 2, 2)
    mirrored = (flip_some(images) == images.flip(3)).flatten(1).all(dim=1)
    kept = (flip_some(images) == images).flatten(1).all(dim=1)
    assert 0.4 < mirrored.float().mean() < 0.6
    assert 0.4 < kept.float().mean() < 0.6
