"""Measure the paper's claims on Fashion-MNIST: two CPU cores, about ninety minutes, three seeds of every arm.

    python -m benchmarks.evidence            # writes benchmarks/evidence/results.json, plots and docs/evidence.md
    python -m benchmarks.evidence --quick    # every step of it in two minutes, into work_dirs/evidence_quick

Runs that are finished stay in work_dirs/evidence: an interrupted command goes on where it was. The exit status is 1 if
a run failed.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.evidence.arms import COMPARISONS
from benchmarks.evidence.fashion import find_fashion_mnist
from benchmarks.evidence.page import render, write_tables
from benchmarks.evidence.plots import draw_distances, draw_mask_ratios
from benchmarks.evidence.runs import Run, execute, plan
from benchmarks.evidence.settings import FULL, QUICK
from benchmarks.evidence.summary import by_arm
from benchmarks.processes import map_in_processes
from benchmarks.speed.environment import describe_machine, describe_versions
from cnxv2_mm import command_line
from demo.__main__ import DATA_ROOT, make_data
from demo.progress import progress
from demo.tasks import ROOT

LIMIT = 3600.0  # seconds for one run, far more than it takes


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.evidence", description="Measure the paper's claims at a size that two cores can do."
    )
    parser.add_argument("--quick", action="store_true", help="a few steps of each run: shows that it works")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="runs at a time (default: 2)")
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    os.chdir(ROOT)  # the demo's configs name its data relative to the repository
    console = command_line.console()
    work_dir = Path("work_dirs/evidence_quick" if args.quick else "work_dirs/evidence")
    work_dir.mkdir(parents=True, exist_ok=True)
    data = find_fashion_mnist(Path("data"))
    make_data(DATA_ROOT, console)
    runs: list[Run] = []
    failures = []
    for title, stage in zip(
        ("Fashion-MNIST", "Transfer"), plan(QUICK if args.quick else FULL, data, work_dir), strict=True
    ):
        failures += run_all(stage, args.processes, title, console)
        runs += stage
    for failure in failures:
        console.print(failure, markup=False)
    command = "python -m benchmarks.evidence" + (" --quick" if args.quick else "")
    document = summarise(runs, command)
    write_results(document, work_dir if args.quick else ROOT / "benchmarks/evidence", console)
    if not args.quick:
        page = ROOT / "docs/evidence.md"
        page.write_text(write_tables(page.read_text(), document))
        console.print(f"Written: {page}")
    return 1 if failures else 0


def run_all(runs: Sequence[Run], processes: int, title: str, console: Console) -> list[str]:
    """Execute the runs that are not finished, and return what went wrong with which."""
    missing = [run for run in runs if run.finished() is None]
    done = len(runs) - len(missing)
    failures = []
    with progress(console, title) as report:
        report(done, len(runs), "")
        for run, _, why in map_in_processes(execute, missing, processes=processes, chunk=1, limit=LIMIT):
            done += 1
            report(done, len(runs), f"{run.name}, seed {run.seed}")
            if why:
                failures.append(f"{run.name}, seed {run.seed}: {why}")
    return failures


def summarise(runs: Sequence[Run], command: str) -> dict[str, object]:
    """Return everything measured, with the settings and where it was measured."""
    results = [result for run in runs if (result := run.finished()) is not None]
    settings = runs[0].settings.as_json()
    return {
        "command": command,
        "machine": describe_machine(torch.device("cpu")),
        "versions": describe_versions(),
        "date": time.strftime("%Y-%m-%d"),
        "seconds": sum(result["seconds"] for result in results),
        "settings": settings,
        "results": [{key: value for key, value in result.items() if key != "settings"} for result in results],
    }


def write_results(document: dict, folder: Path, console: Console) -> None:
    """Write the results as JSON, the tables as Markdown on the screen, and the plots."""
    (folder / "results.json").write_text(json.dumps(document, indent=1) + "\n")
    results = by_arm(document["results"])
    draw_distances(results, folder / "distances.png")
    draw_mask_ratios(results, folder / "mask_ratios.png")
    console.print(render(document), markup=False, highlight=False)
    missing = sorted({arm for comparison in COMPARISONS for arm in comparison.arms} - set(results))
    if missing:
        console.print(f"Not measured: {', '.join(missing)}", markup=False)
    console.print(f"Written: {folder}/results.json, distances.png and mask_ratios.png", markup=False)


if __name__ == "__main__":
    command_line.run("benchmarks.evidence", main)
