"""How long a pre-training is, and how fast it learns: against the paper's numbers and plain arithmetic."""

from dataclasses import replace

import pytest

from cnxv2_mm.recipes.pretraining.schedule import (
    choose_length,
    choose_size,
    default_epochs,
    learning_rate,
    split,
    wanted_batch,
)
from tests.recipes.pretraining.test_normalisation import FOUND


def test_the_learning_rate_is_the_papers_for_the_papers_training():
    assert learning_rate(4096, 800 * 1281167 // 4096)[0] == 2.4e-3  # table 8: 1.5e-4 x 4096 / 256
    assert learning_rate(512, 30_000)[0] == 3e-4


def test_a_short_training_has_a_higher_rate_which_falls_until_the_papers_rule_gives_more():
    assert learning_rate(16, 276)[0] == learning_rate(16, 2000)[0] == 1e-3
    assert learning_rate(16, 8000)[0] == 5e-4
    rates = [learning_rate(512, steps)[0] for steps in range(100, 60_000, 500)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 3e-4


@pytest.mark.parametrize(
    ("num_train", "seen", "batch"),
    [(360, 4320, 16), (270, 50_000, 16), (9, 900, 9), (10_000, 700_000, 64), (10**6, 10**7, 512), (10**7, 10**9, 1024)],
)
def test_the_batch_leaves_steps(num_train, seen, batch):
    assert wanted_batch(num_train, seen) == batch


def test_images_seen_are_limited_by_the_machine():
    assert default_epochs(50, on_gpu=False) == (800, "the paper's 800 epochs")
    epochs, why = default_epochs(270, on_gpu=False)
    assert epochs == 50_000 // 270
    assert "50,000 images seen without a GPU" in why
    assert default_epochs(270, on_gpu=True)[0] == 800
    assert default_epochs(10**6, on_gpu=False)[0] == 1
    assert default_epochs(50, on_gpu=False, repeats=4)[0] == 200


def test_the_size_is_the_papers_or_what_the_images_have():
    assert choose_size(FOUND, None)[0] == 224
    assert choose_size(replace(FOUND, median_side=170), None)[0] == 160
    assert choose_size(replace(FOUND, median_side=40), None)[0] == 64
    assert choose_size(FOUND, 96) == (96, "--size")
    for size in (32, 100, -64):
        with pytest.raises(ValueError, match=f"--size {size} must be a multiple of 32, 64 at least"):
            choose_size(FOUND, size)


def length(**changes):
    settings = {"num_train": 90, "num_held_out": 10, "batch_size": 16, "seconds_per_step": 0.5, "on_gpu": False}
    return choose_length(**{**settings, **changes})


def test_epochs_are_whole_and_the_last_batch_counts():
    plan = length(epochs=12)
    assert (plan.epochs, plan.steps) == (12, 72)  # 90 images are six batches of 16, the last one smaller
    assert plan.probe_interval == 6
    assert length(epochs=5).probe_interval == 3  # 30 steps: ten measures
    # 14 measures of 10 images, each as 1.2 trained ones.
    assert plan.seconds == pytest.approx(72 * 0.5 + 14 * 10 * 1.2 * 0.5 / 16)


def test_a_time_is_kept():
    plan = length(seconds=600.0)
    assert 590 < plan.seconds <= 600
    with pytest.raises(ValueError, match=r"--time 2\.0 s is too short: each image once, and the measures, take 8\.2 s"):
        length(seconds=2.0)
    with pytest.raises(ValueError, match="give one of them"):
        length(seconds=600.0, epochs=3)
    with pytest.raises(ValueError, match="--epochs 0 must be 1 or more"):
        length(epochs=0)


def test_one_in_ten_is_held_out():
    assert [split(number) for number in (2, 300, 10_000)] == [(1, 1), (270, 30), (9744, 256)]
