"""Exported models beside PyTorch: differences, sizes, milliseconds.

    python -m benchmarks.export
    python -m benchmarks.export --only retinanet upernet
    python -m benchmarks.export --trained work_dirs/demo/detect work_dirs/demo/segment work_dirs/demo/classify
    python -m benchmarks.export --quick --results /tmp/results.json --page /tmp/export.md

Each model is built, exported in every form, compared with its library's own prediction, and timed: all forms in this
process, with as many threads, in turn. What was measured is written model by model: a run that was interrupted goes on
with the models that are missing. ``--again`` measures all anew. At the end the tables are written into the page.
"""

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.export import report, results
from benchmarks.export.measure import Conditions, measure
from benchmarks.export.models import CASES, Case, trained_case
from benchmarks.export.targets import TARGETS
from cnxv2_mm import command_line
from cnxv2_mm.machine import usable_cores

RESULTS, PAGE = Path("benchmarks/export/results.json"), Path("docs/export.md")
_QUICK_ARCH = {"depths": (1, 1, 1, 1), "channels": (8, 16, 24, 32)}
_QUICK_SIZE = (160, 192)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description="Measure exported models.")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="models whose name contains one of the words")
    parser.add_argument("--trained", nargs="+", type=Path, default=[], metavar="DIR", help="also these trained models")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS), help="PyTorch is always there")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="of each (default: %(default)s, the cores)")
    parser.add_argument("--rounds", type=int, default=5, help="in each of which all are timed in turn")
    parser.add_argument(
        "--least-seconds", type=float, default=0.3, metavar="S", help="of a measurement (default: %(default)s)"
    )
    parser.add_argument("--again", action="store_true", help="measure what the results have already")
    parser.add_argument("--quick", action="store_true", help="tiny networks and pictures, one round: does it run?")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help="default: %(default)s")
    command_line.add_traceback_option(parser)
    args = parser.parse_args(argv)
    if args.quick and RESULTS.resolve() == args.results.resolve():
        parser.error("--quick measures other models: give it --results and --page of its own")
    if min(args.threads, args.rounds) < 1:
        parser.error("--threads and --rounds must be 1 or more")
    return args


def chosen_cases(args: argparse.Namespace) -> list[Case]:
    """Return the models that the options ask for.

    Raises:
        ValueError: There are none.
    """
    cases = [*CASES, *map(trained_case, args.trained)]
    if args.only:
        cases = [case for case in cases if any(word.lower() in case.name.lower() for word in args.only)]
    if args.quick:
        cases = [replace(case, arch=case.arch and _QUICK_ARCH, size=_QUICK_SIZE) for case in cases]
    if not cases:
        names = ", ".join(case.name for case in CASES)
        raise ValueError(f"--only {' '.join(args.only)} is in the name of no model: there are {names}")
    return cases


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; returns 1 if a model cannot be exported, or a form of it has other numbers or cannot be made."""
    args = parse_args(argv)
    # Compilers and libraries say much about every model.
    warnings.filterwarnings("ignore")
    logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
    console = command_line.console(width=None if sys.stdout.isatty() else 160)
    command = " ".join(["python -m benchmarks.export", *(sys.argv[1:] if argv is None else argv)])
    targets = tuple(name for name in TARGETS if name in args.targets or name == TARGETS[0])
    rounds, seconds = (1, 0.0) if args.quick else (args.rounds, args.least_seconds)
    conditions = Conditions(targets, args.threads, rounds, seconds)
    known = results.read(args.results)
    cases, failed = chosen_cases(args), False
    for number, case in enumerate(cases, 1):
        if case.name in known and not args.again:
            console.print(f"{case.name}: in {args.results} already (--again measures it anew)")
            continue
        console.print(f"{case.name} ({number} of {len(cases)}) ...")
        try:
            known[case.name] = measure(case, conditions)
        except ValueError as error:  # it cannot be exported; the others can
            console.print(f"{case.name}: {error}")
            failed = True
            continue
        results.write(args.results, known, command)
        report.print_table(console, known[case.name])
    order = [case.name for case in (*CASES, *cases)]
    models = sorted(known.values(), key=lambda one: order.index(one.name) if one.name in order else len(order))
    report.write_page(args.page, models)
    console.print(f"Written: {args.results}, {args.page}")
    return int(failed or any(row.reason for model in models for row in model.rows))


if __name__ == "__main__":
    command_line.run("benchmarks.export", main)
