"""The page ``docs/evidence.md``: between two markers, its tables are written from ``results.json``."""

from collections.abc import Mapping
from typing import Any

from benchmarks.evidence.arms import COMPARISONS, Comparison
from benchmarks.evidence.summary import COLUMNS, Results, by_arm, cell, numbers, verdict
from benchmarks.markdown import begin, describe, markdown_table, write_between

BEGIN = begin("python -m benchmarks.evidence")


def write_tables(page: str, document: Mapping[str, Any]) -> str:
    """Return the page with the tables of a results document between its markers.

    Raises:
        ValueError: The page does not have the two markers, once each and in order.
    """
    return write_between(page, BEGIN, render(document))


def render(document: Mapping[str, Any]) -> str:
    """Return the machine, the settings and every comparison as Markdown."""
    results = by_arm(document["results"])
    parts = [
        f"```bash\n{document['command']}\n```",
        f"{describe(document['machine'], document['versions'])}.",
        f"All runs together took {document['seconds'] / 60:.0f} minutes, with one thread each. What was chosen:",
        markdown_table(
            ("setting", "value"), [(f"`{name}`", str(value)) for name, value in document["settings"].items()]
        ),
    ]
    return "\n\n".join([*parts, *(render_comparison(comparison, results) for comparison in COMPARISONS)]) + "\n"


def render_comparison(comparison: Comparison, results: Results) -> str:
    """Return a table: mean and deviation over seeds, and how each arm stands to the first one."""
    reference = comparison.arms[0]
    headings = ["arm", *(COLUMNS[column][0] for column in comparison.columns), f"against {reference}"]
    rows = []
    for arm in comparison.arms:
        if arm not in results:
            continue
        row = [f"`{arm}`", *(cell(numbers(results, arm, column), column) for column in comparison.columns)]
        rows.append([*row, "" if arm == reference else _stand(comparison, results, arm, reference)])
    return f"## {comparison.title}\n\nThe paper: {comparison.paper}\n\n{markdown_table(headings, rows, numbers=True)}"


def _stand(comparison: Comparison, results: Results, arm: str, reference: str) -> str:
    stands = {
        COLUMNS[column][0]: verdict(numbers(results, arm, column), numbers(results, reference, column))
        for column in comparison.columns
    }
    told_apart = [f"{name} {stand}" for name, stand in stands.items() if stand != "not separated"]
    return ", ".join(told_apart) or "not separated"
