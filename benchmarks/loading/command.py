"""The command ``benchmark loading``: its options, and what it does with them."""

import argparse
import tempfile
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.loading.measure import measure
from benchmarks.loading.peers import PEERS
from benchmarks.loading.photographs import write_photographs
from benchmarks.loading.report import print_tables, render, write_json
from benchmarks.speed.environment import describe_machine, describe_versions
from benchmarks.speed.timing import LEAST_SECONDS


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.add_argument("--images", type=int, default=64, help="how many files, which are one batch")
    command.add_argument("--size", type=int, default=224, help="height and width of the images after the crop")
    command.add_argument("--device", default="cpu", help="where they go: cpu, cuda or cuda:1")
    command.add_argument(
        "--peers", nargs="+", choices=list(PEERS), default=list(PEERS), help="ratios refer to the first"
    )
    command.add_argument(
        "--workers", type=int, nargs="+", default=[0], help="numbers of worker processes; 0 is this process alone"
    )
    command.add_argument("--repeats", type=int, default=7, help="rounds, in each of which all are timed in turn")
    command.add_argument(
        "--least-seconds",
        type=float,
        default=LEAST_SECONDS,
        metavar="S",
        help="calls are repeated so that a measurement lasts about so long (default: %(default)s)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    command.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables")


def run(args: argparse.Namespace, command: str, console: Console) -> None:
    """Make the files, check and time the pipelines, and show the tables.

    One thread is used, PyTorch's and OpenCV's alike: what is measured is a core.
    """
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    device = torch.device(args.device)
    peers = [PEERS[name] for name in args.peers]
    with tempfile.TemporaryDirectory() as folder:
        mean_bytes = write_photographs(Path(folder), args.images)
        tables = measure(peers, Path(folder), args.size, device, args.workers, args.repeats, args.least_seconds)
    print_tables(console, tables)
    content = {
        "command": command,
        "mean_bytes": mean_bytes,
        "machine": describe_machine(device),
        "versions": describe_versions(),
    }
    if args.json:
        write_json(args.json, tables, content)
    if args.markdown:
        args.markdown.write_text(render(tables, command, content))
