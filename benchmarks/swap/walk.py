"""The walk: every config is examined, then one of each family and model trains a step and predicts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.processes import map_in_processes
from benchmarks.swap.examine import examine, run
from benchmarks.swap.outcome import Outcome
from benchmarks.swap.published import family_of

# Configs for one process: its imports take about as long as ten configs, and its memory grows a little with each.
_CHUNK = 60
_RUNNING_CHUNK = 30

# Called with how many configs are done, of how many, and the name of the last.
Report = Callable[[int, int, str], None]


def examine_all(configs: Sequence[str], processes: int, limit: float, report: Report) -> list[Outcome]:
    """Examine configs, and return the outcomes of those that the walk is about or that cannot be read, in order.

    Args:
        configs: Names, 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'.
        processes: How many processes there are at a time.
        limit: Seconds for one config.
        report: Function that is told about each config.
    """
    outcomes: dict[str, Outcome] = {}
    found = map_in_processes(_timed_examine, configs, processes=processes, chunk=_CHUNK, limit=limit)
    for i, (config, outcome, lost) in enumerate(found, start=1):
        outcomes[config] = outcome or Outcome(config, "failed", reason=lost)
        report(i, len(configs), config)
    return [outcomes[config] for config in configs if outcomes[config].state != "other"]


def run_representatives(outcomes: Sequence[Outcome], processes: int, limit: float, report: Report) -> list[Outcome]:
    """Run a training step and a prediction of one swapped config of every family and model, and return all outcomes."""
    chosen = representatives(outcomes)
    ran: dict[str, Outcome] = {}
    found = map_in_processes(_timed_run, chosen, processes=processes, chunk=_RUNNING_CHUNK, limit=limit)
    for i, (before, outcome, lost) in enumerate(found, start=1):
        both = {"training": "failed", "training_reason": lost, "prediction": "failed", "prediction_reason": lost}
        ran[before.config] = outcome or replace(before, **both)
        report(i, len(chosen), before.config)
    return [ran.get(outcome.config, outcome) for outcome in outcomes]


def representatives(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the first swapped config of every family and model."""
    first: dict[tuple[str, str], Outcome] = {}
    for outcome in outcomes:
        if outcome.state == "swapped":
            first.setdefault((family_of(outcome.config), outcome.model), outcome)
    return list(first.values())


def _timed_examine(config: str) -> Outcome:
    started = time.monotonic()
    outcome = examine(config)
    outcome.seconds = round(time.monotonic() - started, 2)
    return outcome


def _timed_run(outcome: Outcome) -> Outcome:
    started = time.monotonic()
    outcome = run(outcome)
    outcome.seconds = round(outcome.seconds + time.monotonic() - started, 2)
    return outcome
