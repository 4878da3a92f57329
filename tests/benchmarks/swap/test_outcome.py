"""What is kept of a config."""

from dataclasses import fields
from typing import get_args

from benchmarks.swap.outcome import Outcome, Prediction, State, Training
from benchmarks.swap.report import rows_of


def test_a_config_is_not_asked_to_train_before_it_is_swapped():
    outcome = Outcome("mmdet::a/1.py", "unreadable")
    assert (outcome.training, outcome.prediction) == ("not asked", "not asked")
    assert {field.name for field in fields(outcome)} >= {"reason", "kind", "by_hand"}


def test_every_way_to_end_has_its_place_in_the_report():
    """Each state but the unreadable and the other is counted, and has a reason if it failed."""
    for state in set(get_args(State)) - {"unreadable", "other"}:
        (*_, total) = rows_of([Outcome("mmdet::a/1.py", state, reason="why", kind="why")])
        assert total.configs == 1
        assert bool(total.reasons) == (state != "swapped")
    for kind, values in (("training", get_args(Training)), ("prediction", get_args(Prediction))):
        for value in values:
            (*_, total) = rows_of([Outcome("mmdet::a/1.py", "swapped", **{kind: value})])
            assert bool(total.reasons) == (value in ("unable", "failed"))
