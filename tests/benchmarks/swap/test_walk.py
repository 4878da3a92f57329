"""The walk over several configs."""

from benchmarks.swap import walk
from benchmarks.swap.outcome import Outcome
from benchmarks.swap.walk import examine_all, representatives, run_representatives
from tests.benchmarks.swap.examples import OUTCOMES, outcome


def test_one_swapped_config_of_each_family_and_model_is_run():
    chosen = representatives(OUTCOMES[::-1])
    assert [o.config for o in chosen] == ["mmdet::b/2.py", "mmdet::a/2.py"]


def test_a_config_that_is_lost_has_failed_and_the_order_is_kept(monkeypatch):
    """Results that come in another order, one of them without an outcome."""
    told = []

    def answers(function, items, **options):
        yield "mmdet::a/2.py", None, "took longer than 1 seconds"
        yield "mmdet::a/3.py", Outcome("mmdet::a/3.py", "other"), ""
        yield "mmdet::a/1.py", Outcome("mmdet::a/1.py", "swapped"), ""

    monkeypatch.setattr(walk, "map_in_processes", answers)
    configs = [f"mmdet::a/{number}.py" for number in (1, 2, 3)]
    found = examine_all(configs, processes=1, limit=1, report=lambda *news: told.append(news))
    assert [(one.config, one.state, one.reason) for one in found] == [
        ("mmdet::a/1.py", "swapped", ""),
        ("mmdet::a/2.py", "failed", "took longer than 1 seconds"),
    ]
    assert told[0] == (1, 3, "mmdet::a/2.py")


def test_a_model_that_is_lost_has_failed_both(monkeypatch):
    lost = "the process ended with exit code -9"
    monkeypatch.setattr(walk, "map_in_processes", lambda function, items, **options: ((o, None, lost) for o in items))
    first, second = outcome("mmdet::a/1.py", "swapped"), outcome("mmdet::a/2.py", "swapped")
    ran, other = run_representatives([first, second], processes=1, limit=1, report=lambda *news: None)
    assert (ran.training, ran.training_reason, ran.prediction, ran.prediction_reason) == (
        "failed",
        lost,
        "failed",
        lost,
    )
    assert other is second  # of the same family and model
