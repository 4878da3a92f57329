"""Means and deviations over seeds, and whether the seeds tell two arms apart."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Results = Mapping[str, Sequence[Mapping[str, Any]]]  # by the name of the arm, one result for each seed

# What a column is called, and how its numbers are written.
COLUMNS = {
    "finetuned": ("fine-tuned accuracy", "{:.1%}"),
    "probe": ("linear probe", "{:.1%}"),
    "knn": ("k-NN", "{:.1%}"),
    "rank_me": ("RankMe", "{:.1f}"),
    "distance": ("cosine distance", "{:.3f}"),
    "miou": ("mIoU", "{:.1%}"),
}


def by_arm(results: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Put the results of each arm together, in the order of their seeds."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for result in sorted(results, key=lambda result: result["seed"]):
        found.setdefault(result["name"], []).append(result)
    return found


def cell(values: Sequence[float], column: str) -> str:
    """Return mean and sample standard deviation over the seeds, as a table shows them."""
    form = COLUMNS[column][1]
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{form.format(statistics.mean(values))} ± {form.format(deviation)}"


def verdict(values: Sequence[float], reference: Sequence[float]) -> str:
    """Say whether one arm's seeds are all above, all below, or among those of another.

    Two arms of three seeds that differ by chance alone are told apart in one case of ten.
    """
    if min(values) > max(reference):
        return "higher"
    if max(values) < min(reference):
        return "lower"
    return "not separated"


def numbers(results: Results, arm: str, column: str) -> list[float]:
    """Return one column of an arm, seed by seed."""
    return [float(result[column]) for result in results[arm]]
