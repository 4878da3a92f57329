"""The length of a training by epochs, by time and by the data, and how often it validates."""

import pytest

from cnxv2_mm.recipes.finetuning.schedule import choose_schedule

FACTS = {
    "num_train": 400,
    "num_val": 100,
    "batch_size": 4,
    "seconds_per_step": 0.3,
    "images_to_see": 16_000,
    "images_why": "data",
    "on_cpu": False,
}


def test_epochs():
    schedule = choose_schedule(**FACTS, epochs=6)
    assert (schedule.max_iters, schedule.epochs, schedule.why) == (600, 6, "--epochs 6")
    assert choose_schedule(**FACTS, epochs=0.001).max_iters == 1


@pytest.mark.parametrize("seconds", [60, 600, 7200, 100_000])
@pytest.mark.parametrize("num_val", [1, 100, 1000])
def test_a_time_is_kept_and_used(seconds, num_val):
    facts = FACTS | {"num_val": num_val}
    looking = num_val * 0.5 * 0.3 / 4
    if seconds < 2 * looking:
        with pytest.raises(ValueError, match="is too short"):
            choose_schedule(**facts, seconds=seconds)
        return
    schedule = choose_schedule(**facts, seconds=seconds)
    assert schedule.seconds == pytest.approx(schedule.max_iters * 0.3 + schedule.validations * looking)
    assert 0.9 * seconds - looking < schedule.seconds < 1.05 * seconds + looking


def test_the_amount_of_data_decides_where_the_user_does_not():
    schedule = choose_schedule(**FACTS)
    assert (schedule.max_iters, schedule.epochs, schedule.why) == (4000, 40, "data")


def test_without_a_gpu_two_hours_but_ten_epochs():
    assert choose_schedule(**FACTS | {"on_cpu": True}).max_iters == 4000  # 20 minutes
    slow = choose_schedule(**FACTS | {"on_cpu": True, "seconds_per_step": 4.0})
    assert 0.9 * 7200 < slow.seconds < 1.01 * 7200
    slower = choose_schedule(**FACTS | {"on_cpu": True, "seconds_per_step": 40.0})
    assert slower.epochs == 10
    assert "without a GPU" in slower.why


@pytest.mark.parametrize("epochs", [1, 6, 100])
def test_validations_take_a_small_share(epochs):
    schedule = choose_schedule(**FACTS, epochs=epochs)
    assert 2 <= schedule.validations <= 20
    looking = schedule.validations * 100 * 0.5 * 0.3 / 4
    assert schedule.validations == 2 or looking < 0.2 * schedule.max_iters * 0.3


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        ({"epochs": 1, "seconds": 1.0}, "give one of them"),
        ({"epochs": 0}, "must be above 0"),
        ({"seconds": 0.1}, "too short"),
    ],
)
def test_wishes_that_cannot_be(wish, text):
    with pytest.raises(ValueError, match=text):
        choose_schedule(**FACTS, **wish)
