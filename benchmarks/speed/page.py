"""The page ``benchmarks/README.md``: between two markers, its tables are written from the results' JSON files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.markdown import begin, describe, markdown_table, write_between
from benchmarks.speed.peer import Peer
from benchmarks.speed.plan import PLAN, Run
from benchmarks.speed.registry import PEERS
from benchmarks.speed.report import HEADINGS, cells
from benchmarks.speed.result import Result, Table
from benchmarks.speed.workload import BENCHMARKS

BEGIN = begin("python tools/benchmark.py report")
NOT_YET = "Not yet measured."
# Where the results are, from the folder of the page.
RESULTS = "speed/results"


def read_results(folder: Path) -> dict[str, Result]:
    """Return the results below the folder of the page, by the names of their files."""
    return {path.stem: Result.read(path) for path in sorted((folder / RESULTS).glob("*.json"))}


def write_tables(page: str, results: dict[str, Result]) -> str:
    """Return the page with the tables of the results between its markers.

    Raises:
        ValueError: The page does not have the two markers, once each and in order.
    """
    return write_between(page, BEGIN, render(results))


def render(results: dict[str, Result]) -> str:
    """Return every planned run, measured or not, then results of other runs, then what the peers compute."""
    unplanned = [name for name in results if name not in {run.name for run in PLAN}]
    sections = [_render_run(run, results.get(run.name)) for run in PLAN]
    sections += [_render_result(name, name, results[name]) for name in unplanned]
    return "\n".join([*sections, _render_peers()])


def _render_run(run: Run, result: Result | None) -> str:
    if result is None:
        return f"## {run.title}\n\n{NOT_YET} To measure it:\n\n```bash\n{run.command}\n```\n"
    return _render_result(run.name, run.heading(result.machine["gpu"]), result)


def _render_result(name: str, title: str, result: Result) -> str:
    where = describe(result.machine, result.versions)
    parts = [f"## {title}", f"```bash\n{result.command}\n```", f"{where}.", f"![{title}]({RESULTS}/{name}.png)"]
    if result.has_several_ratios:
        parts.append(_render_ratios(result))
    else:
        parts += [_render_table(table) for table in result.tables]
    parts.append(_render_missing(result))
    return "\n\n".join(part for part in parts if part) + "\n"


def _render_table(table: Table) -> str:
    headings = ("peer", *HEADINGS, "error")
    rows = [(row.label, *cells(table, row), f"{row.output_error:.1g}, {row.gradient_error:.1g}") for row in table.rows]
    return f"**{table.title[0].upper()}{table.title[1:]}**\n\n{markdown_table(headings, rows, numbers=True)}"


def _render_ratios(result: Result) -> str:
    """Return milliseconds of each peer by visible patches, and how straight the line through them is."""
    tables = sorted(result.tables, key=lambda table: table.patches)
    headings = ("peer", *(f"{table.num_visible} of {table.num_patches}" for table in tables), "off a straight line")
    rows = []
    for label in result.labels:
        found = [(table, row) for table in tables for row in table.rows if row.label == label]
        by_table = {id(table): f"{table.seconds(row).median * 1e3:.3g}" for table, row in found}
        times = [table.seconds(row).median for table, row in found]
        deviation = f"{deviation_from_line([table.patches[0] for table, _ in found], times):.1%}"
        rows.append((label, *(by_table.get(id(table), "-") for table in tables), deviation))
    return (
        f"Milliseconds by the number of visible patches, {tables[0].batch_size} images, median of the rounds:\n\n"
        f"{markdown_table(headings, rows)}"
    )


def deviation_from_line(places: Sequence[float], values: Sequence[float]) -> float:
    """Return the largest distance from the straight line of least squares, as a fraction of the largest value."""
    line = np.polynomial.Polynomial.fit(places, values, 1)
    return float(np.abs(line(np.asarray(places)) - values).max() / max(values))


def _render_missing(result: Result) -> str:
    reasons = {one.label: one.reason for table in result.tables for one in table.missing}
    return "\n".join(f"- {label}: absent. {reason}" for label, reason in reasons.items())


def _render_peers() -> str:
    lines = ["## What the peers compute"]
    for benchmark, peers in PEERS.items():
        rows = [(peer.name, peer.computes, _exactness(peer)) for peer in peers.values()]
        table = markdown_table(("peer", "what it computes", "compiled"), rows)
        lines.append(f"`{benchmark}`: {BENCHMARKS[benchmark]}.\n\n{table}")
    return "\n\n".join(lines) + "\n"


def _exactness(peer: Peer) -> str:
    return "also" if peer.compilable else "no"
