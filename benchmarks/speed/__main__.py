"""Measure ConvNeXt V2 against its peers: speed and memory, in one process, on the same numbers.

    python tools/benchmark.py pretrain --arch atto --batch-size 16     # the encoder on visible patches
    python tools/benchmark.py backbone --arch tiny --size 224 512      # whole images
    python tools/benchmark.py step --arch tiny --compile               # a whole step of pre-training

    python tools/benchmark.py loading --workers 0 2                    # images a second of a core, from JPEG files

    python tools/benchmark.py profile --arch tiny                      # where the time of a step goes, on the CPU
    python tools/benchmark.py report                                   # benchmarks/README.md from the measured results

Every peer is checked against our specification before it is timed. A peer that fails or computes other numbers is not
timed, and the exit status is then 1. A peer that is not installed is listed as absent. The others are timed in turn,
after warm-up.
"""

import argparse
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

import cnxv2_mm  # noqa: F401  first: it registers our types and supplies missing mmcv operators
from benchmarks.loading import command as loading
from benchmarks.markdown import describe
from benchmarks.speed.environment import describe_machine, describe_versions
from benchmarks.speed.measure import Conditions, measure_peers
from benchmarks.speed.page import RESULTS, read_results, write_tables
from benchmarks.speed.profiling import profile_calls, render, training_step
from benchmarks.speed.registry import DIRECTIONS, PEERS, SPECIFICATIONS
from benchmarks.speed.report import print_result
from benchmarks.speed.result import Result
from benchmarks.speed.timing import LEAST_SECONDS
from benchmarks.speed.workload import BENCHMARKS, make_workload
from cnxv2_mm import command_line
from cnxv2_mm.variants import VARIANTS

BENCHMARKS_FOLDER = Path(__file__).parents[1]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure ConvNeXt V2 against its peers.")
    commands = parser.add_subparsers(dest="benchmark", required=True)
    for name in PEERS:
        _add_benchmark(commands.add_parser(name, help=BENCHMARKS[name]), name)
    page = commands.add_parser("report", help=f"write the tables of FOLDER/README.md from FOLDER/{RESULTS}/*.json")
    page.add_argument("folder", type=Path, nargs="?", default=BENCHMARKS_FOLDER)
    page.add_argument("--picture", type=Path, metavar="FILE.png", help="draw README's picture of the ratios on the CPU")
    loading.add_options(commands.add_parser("loading", help="images a second of a core, from JPEG files to a batch"))
    _add_profile(commands.add_parser("profile", help="where the time of a training step goes, on the CPU"))
    command_line.add_traceback_option(parser)
    args = parser.parse_args(argv)
    if args.benchmark == "loading" and min(args.repeats, args.images, min(args.workers) + 1) < 1:
        parser.error(f"--repeats {args.repeats} and --images {args.images} must be at least 1, --workers at least 0")
    if args.benchmark in PEERS:
        if len(args.batch_size) not in (1, len(args.size)):
            parser.error(f"--batch-size has {len(args.batch_size)} numbers; give one, or one for each --size")
        if args.repeats < 1 or args.warm_up < 1:
            parser.error(f"--repeats {args.repeats} and --warm-up {args.warm_up} must be at least 1")
    return args


def _add_benchmark(command: argparse.ArgumentParser, name: str) -> None:
    """Add the options of a benchmark."""
    peers = list(PEERS[name])
    command.add_argument("--arch", default="tiny", choices=list(VARIANTS))
    command.add_argument("--batch-size", type=int, nargs="+", default=[8], help="one for all sizes, or one for each")
    command.add_argument("--size", type=int, nargs="+", default=[224], help="height and width of the images")
    command.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    command.add_argument(
        "--dtype",
        nargs="+",
        default=["float32"],
        choices=list(DTYPES),
        help="bfloat16 means autocast; with both, each peer is timed in each, and ratios refer to the first",
    )
    command.add_argument("--compile", action="store_true", help="time each peer under torch.compile too")
    command.add_argument("--peers", nargs="+", choices=peers, default=peers, help="ratios refer to the first")
    command.add_argument("--repeats", type=int, default=11, help="rounds, in each of which all are timed in turn")
    command.add_argument("--warm-up", type=int, default=2, help="calls of each before the first round")
    command.add_argument(
        "--least-seconds",
        type=float,
        default=LEAST_SECONDS,
        metavar="S",
        help="calls are repeated so that a measurement lasts about so long (default: %(default)s)",
    )
    command.add_argument(
        "--prepare-seconds",
        type=float,
        metavar="S",
        help="when to begin with no further peer of a table, and to time those that are ready (default: never)",
    )
    command.add_argument("--threads", type=int, help="of the CPU; default: PyTorch's choice")
    command.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    command.add_argument("--plot", type=Path, metavar="FILE.png", help="throughput, or cost by visible patches")
    if name != "backbone":
        command.add_argument("--mask-ratio", type=float, nargs="+", default=[0.6], help="shares of hidden patches")


def _add_profile(command: argparse.ArgumentParser) -> None:
    """Add the options of the profile."""
    command.add_argument("--arch", default="tiny", choices=list(VARIANTS))
    command.add_argument("--batch-size", type=int, default=8)
    command.add_argument("--size", type=int, default=224, help="height and width of the images")
    command.add_argument("--mask-ratio", type=float, default=0.6, help="share of hidden patches")
    command.add_argument("--peers", nargs="+", choices=list(PEERS["step"]), default=["packed", "masked_dense"])
    command.add_argument("--dtype", default="float32", choices=list(DTYPES), help="bfloat16 means autocast")
    command.add_argument("--calls", type=int, default=5, help="steps of each to profile, after three others")
    command.add_argument("--threads", type=int, help="of the CPU; default: PyTorch's choice")
    command.add_argument("--markdown", type=Path, metavar="FILE", help="write the table")


def measure(args: argparse.Namespace, command: str) -> Result:
    """Run the benchmark that the arguments ask for."""
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    conditions = [
        Conditions(
            DIRECTIONS[args.benchmark],
            DTYPES[dtype],
            args.compile,
            args.repeats,
            args.warm_up,
            args.least_seconds,
            math.inf if args.prepare_seconds is None else args.prepare_seconds,
        )
        for dtype in dict.fromkeys(args.dtype)
    ]
    peers = [PEERS[args.benchmark][name] for name in args.peers]
    settings = {name: value for name, value in vars(args).items() if name not in ("benchmark", "json", "plot")}
    settings["dtype"] = ", ".join(args.dtype)
    result = Result(args.benchmark, command, settings, describe_machine(device), describe_versions())
    batch_sizes = args.batch_size * len(args.size) if len(args.batch_size) == 1 else args.batch_size
    for size, batch_size in zip(args.size, batch_sizes, strict=True):
        for ratio in getattr(args, "mask_ratio", [None]):
            workload = make_workload(args.benchmark, args.arch, batch_size, size, ratio, device)
            result.tables.extend(measure_peers(workload, peers, SPECIFICATIONS[args.benchmark], conditions))
    return result


def profile(args: argparse.Namespace, command: str) -> str:
    """Return a page that says where the time of a step goes, for each peer."""
    if args.threads:
        torch.set_num_threads(args.threads)
    workload = make_workload("step", args.arch, args.batch_size, args.size, args.mask_ratio, "cpu")
    profiles = {}
    for name in args.peers:
        network, images, visible = PEERS["step"][name].prepare(workload)
        step = training_step(network, images, visible, DTYPES[args.dtype])
        profiles[name] = profile_calls(step, args.calls)
    title = f"Where the time of a training step goes: {args.arch}, {args.batch_size} images, {args.dtype}"
    return render(title, command, describe(describe_machine(torch.device("cpu")), describe_versions()), profiles)


def report(folder: Path, picture: Path | None) -> None:
    """Write the tables of the page, the plot of each result, and the picture for README if asked to, anew."""
    from benchmarks.speed.overview import draw_overview
    from benchmarks.speed.plot import draw

    page = folder / "README.md"
    results = read_results(folder)
    page.write_text(write_tables(page.read_text(), results))
    for name, result in results.items():
        draw(result, folder / RESULTS / f"{name}.png")
    if picture is not None:
        draw_overview(results, picture)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    if args.benchmark == "report":
        report(args.folder, args.picture)
        return 0
    command = shlex.join(["python", "tools/benchmark.py", *(sys.argv[1:] if argv is None else argv)])
    # In a file or a pipe there is no window to fit into.
    console = command_line.console(width=None if sys.stdout.isatty() else 220)
    if args.benchmark == "loading":
        loading.run(args, command, console)
        return 0
    if args.benchmark == "profile":
        page = profile(args, command)
        print(page)
        if args.markdown:
            args.markdown.write_text(page)
        return 0
    result = measure(args, command)
    print_result(console, result)
    if args.json:
        result.write(args.json)
    if args.plot:
        from benchmarks.speed.plot import draw  # Matplotlib is not on every machine with a GPU

        draw(result, args.plot)
    return int(any(one.failed for table in result.tables for one in table.missing))


if __name__ == "__main__":
    command_line.run("benchmark", main)
