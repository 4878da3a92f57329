"""The page ``docs/evidence.md``: between two markers, its tables are written from ``results.json``."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.evidence.arms import COMPARISONS, Comparison
from benchmarks.evidence.settings import Settings
from benchmarks.evidence.summary import COLUMNS, Results, by_arm, cell, numbers, verdict

BEGIN = "<!-- Written by `python -m benchmarks.evidence`; do not edit between these lines. -->"
END = "<!-- End of what the command writes. -->"


def write_tables(page: str, document: Mapping[str, Any]) -> str:
    """Return the page with the tables of a results document between its markers.

    Raises:
        ValueError: The page does not have the two markers, once each and in order.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(END) < page.index(BEGIN):
        raise ValueError(f"the page must have these two lines, once each:\n{BEGIN}\n{END}")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{render(document)}\n{END}{after}"


def render(document: Mapping[str, Any]) -> str:
    """Return the machine, the settings and every comparison as Markdown."""
    results = by_arm(document["results"])
    machine = ", ".join(f"{what.replace('_', ' ')}: {value}" for what, value in document["machine"].items() if value)
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items() if version)
    parts = [
        f"```bash\n{document['command']}\n```",
        f"{machine}. {versions}. {document['seconds'] / 60:.0f} minutes of runs, one thread each.",
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
    return f"## {comparison.title}\n\nThe paper: {comparison.paper}\n\n{_markdown(headings, rows)}"


def describe_settings(settings: Settings) -> str:
    """Return the settings as a table of Markdown."""
    return _markdown(["setting", "value"], [[f"`{name}`", str(value)] for name, value in settings.as_json().items()])


def _stand(comparison: Comparison, results: Results, arm: str, reference: str) -> str:
    stands = {
        COLUMNS[column][0]: verdict(numbers(results, arm, column), numbers(results, reference, column))
        for column in comparison.columns
    }
    told_apart = [f"{name} {stand}" for name, stand in stands.items() if stand != "not separated"]
    return ", ".join(told_apart) or "not separated"


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    aligned = ["---", *("---:" for _ in headings[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, aligned, *rows))
