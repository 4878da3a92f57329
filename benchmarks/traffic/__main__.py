"""Say what a training step would move and launch on a GPU, without one: bytes an image, launches, largest kernels.

    python -m benchmarks.traffic                        # all rows: benchmarks/gpu_traffic.json, benchmarks/README.md
    python -m benchmarks.traffic row --arch atto        # one row: a packed, compiled step
    python -m benchmarks.traffic row --part backbone --images 2 --size 1024 --mode eager
    python -m benchmarks.traffic row --inductor combo_kernels=True --code work_dirs/generated

Needs Linux, gcc, nm and a CUDA build of torch, but no GPU. Nothing is run on one, and nothing is timed.
"""

import argparse
import ast
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.speed.environment import describe_versions
from benchmarks.traffic import mock_cuda
from benchmarks.traffic.page import RESULTS, write_table
from benchmarks.traffic.plan import ARCHS, LAYOUTS, MODES, PARTS, PLAN, Row
from cnxv2_mm import command_line

FOLDER = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "benchmarks.traffic"]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.traffic", description="What a training step would move and launch on a GPU."
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where README.md is and {RESULTS} goes")
    commands = parser.add_subparsers(dest="command", metavar="row")
    row = commands.add_parser("row", help="count one row, and write nothing")
    row.add_argument(
        "--part", choices=list(PARTS), default="step", help="; ".join(f"{k}: {v}" for k, v in PARTS.items())
    )
    row.add_argument("--layout", choices=LAYOUTS, default="packed", help="of step and encoder; not for backbone")
    row.add_argument("--arch", choices=ARCHS, default="tiny")
    row.add_argument("--images", type=int, default=128)
    row.add_argument("--size", type=int, default=224, help="height and width of the images")
    row.add_argument("--mode", choices=MODES, default="compiled")
    row.add_argument(
        "--inductor",
        nargs="+",
        type=_option,
        default=[],
        metavar="KEY=VALUE",
        help="options, such as combo_kernels=True",
    )
    row.add_argument("--largest", type=int, default=10, metavar="N", help="name the N operators with the most bytes")
    row.add_argument("--code", type=Path, metavar="FOLDER", help="write the code that Inductor generates")
    row.add_argument("--json", type=Path, metavar="FILE", help="write what was counted")
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    given = list(sys.argv[1:] if argv is None else argv)
    if args.command is None:
        count_plan(args.folder)
        return 0
    if mock_cuda.is_there():
        count_one(args)
        mock_cuda.leave()
    return subprocess.run([*COMMAND, *given], env=mock_cuda.environment()).returncode


def count_one(args: argparse.Namespace) -> None:
    """Count the row that the arguments ask for, and print and write it; the mock has to be there."""
    from benchmarks.traffic.measure import count_row

    layout = "dense" if args.part == "backbone" else args.layout
    row = Row(args.part, layout, args.arch, args.images, args.mode, args.size)
    result = count_row(row, dict(args.inductor), args.code, args.largest)
    print(describe_row(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


def count_plan(folder: Path) -> None:
    """Count all rows of the plan, each in a process of its own, and write the results and the page."""
    environment = mock_cuda.environment()
    start = time.monotonic()
    rows = []
    for row in PLAN:
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch, "row.json")
            options = {name: value for name, value in asdict(row).items() if value != "dense"}
            words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
            subprocess.run([*COMMAND, "row", *words, "--json", str(file)], env=environment, check=True)
            rows.append(json.loads(file.read_text()))
    document = {
        "command": "python -m benchmarks.traffic",
        "versions": _versions(),
        "capability": "9.0",
        "seconds": round(time.monotonic() - start),
        "rows": rows,
    }
    (folder / RESULTS).write_text(json.dumps(document, indent=1) + "\n")
    page = folder / "README.md"
    page.write_text(write_table(page.read_text(), document))


def describe_row(result: dict[str, Any]) -> str:
    """Return what was counted as lines of text."""
    lines = [", ".join(str(result[name]) for name in ("part", "layout", "arch", "images", "size", "mode"))]
    for name in ("forward", "backward"):
        one = result[name]
        own = ", ".join(f"{calls} x {operator}" for operator, calls in one["own_operators"].items())
        counted = f"{one['bytes_an_image'] / 1e6:8.1f} MB an image {one['launches']:6} launches"
        lines.append(f"  {name:8} {counted}" + f"   our operators: {own}" * bool(own))
    if result["host_question"]:
        lines.append(f"  asks the device for a number, and was counted up to there: {result['host_question']}")
    for entry in result["largest"]:
        size = f"{entry['bytes_an_image'] / 1e6:8.2f} MB an image {entry['launches']:6} launches"
        lines.append(f"  {entry['pass']:8} {size}   {entry['what']}")
    return "\n".join(lines)


def _versions() -> dict[str, str | None]:
    wanted = ("cnxv2_mm", "commit", "python", "torch")
    found = describe_versions()
    return {name: found[name] for name in wanted} | {"triton": version("triton")}


def _option(text: str) -> tuple[str, Any]:
    """Read KEY=VALUE, the value a number, True, False or None."""
    key, _, value = text.partition("=")
    try:
        return key, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} must be KEY=VALUE, such as combo_kernels=True") from None


if __name__ == "__main__":
    command_line.run("traffic", main)
