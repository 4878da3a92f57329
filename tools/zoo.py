"""List the published ConvNeXt V2 weights, or download one. They are CC-BY-NC 4.0: no commercial use.

python tools/zoo.py list --size tiny --training fcmae
python tools/zoo.py download convnextv2_tiny_fcmae --to checkpoints
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from cnxv2_mm import command_line, zoo


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"The published ConvNeXt V2 weights ({zoo.LICENCE}).")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="the weights, their accuracies and their addresses")
    weights = zoo.WEIGHTS.values()
    listing.add_argument("--size", choices=list(dict.fromkeys(weight.size for weight in weights)))
    listing.add_argument(
        "--training", choices=list(zoo.TRAININGS), help="; ".join(f"{k}: {v}" for k, v in zoo.TRAININGS.items())
    )
    listing.add_argument("--resolution", type=int, choices=sorted({weight.resolution for weight in weights}))
    listing.add_argument("--source", choices=zoo.SOURCES, help="only weights of this source (%(choices)s)")
    listing.add_argument("--json", action="store_true", help="all that is known of them, for programs")
    fetching = commands.add_parser("download", help="download a weight unless it is there, and print its file")
    fetching.add_argument(
        "name", help="convnextv2_tiny_fcmae; timm:convnextv2_tiny_fcmae for another source; or an address"
    )
    fetching.add_argument("--to", type=Path, metavar="FOLDER", help="default: the folder in which configs look for it")
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def choose(args: argparse.Namespace) -> list[zoo.Weight]:
    return [
        weight
        for weight in zoo.WEIGHTS.values()
        if args.size in (None, weight.size)
        and args.training in (None, weight.training)
        and args.resolution in (None, weight.resolution)
        and (args.source is None or args.source in weight.files)
    ]


def as_json(weight: zoo.Weight) -> dict[str, Any]:
    """Return all that is known of a weight; a hash that is not published is null."""
    properties = ("name", "parameters", "licence", "paper_table")
    return {
        **{name: getattr(weight, name) for name in properties},
        **asdict(weight),
        "files": {source: asdict(file) for source, file in weight.files.items()},
    }


def as_table(weights: Iterable[zoo.Weight], source: str) -> Table:
    table = Table(caption=f"All weights are {zoo.LICENCE}: no commercial use. Accuracies: ImageNet-1k validation, %.")
    table.add_column("name", no_wrap=True)
    for heading in ("pixels", "million\nparameters", "top-1\n(paper)", "top-1 / top-5\n(mmpretrain)"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("SHA-256", no_wrap=True)
    table.add_column(f"address ({source})", overflow="fold")
    for weight in weights:
        file = weight.files[source]
        again = f"{weight.mmpretrain_top1} / {weight.mmpretrain_top5}" if weight.mmpretrain_top1 else "-"
        table.add_row(
            weight.name,
            str(weight.resolution),
            f"{weight.parameters / 1e6:.1f}",
            str(weight.paper_top1 or "-"),
            again,
            f"{file.sha256}..." if file.sha256 else "unknown",
            f"{file.hub_id}\n{file.address}" if file.hub_id else file.address,
        )
    return table


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.command == "list":
        weights = choose(args)
        if args.json:
            print(json.dumps([as_json(weight) for weight in weights], indent=2))
        elif not weights:
            sys.exit("no published weight fits all of these options; leave one out")
        else:
            # In a file or a pipe there is no window to fit into.
            console = command_line.console(width=None if sys.stdout.isatty() else 250)
            console.print(as_table(weights, args.source or "official"))
    else:
        print(zoo.fetch(args.name, args.to))


if __name__ == "__main__":
    command_line.run("zoo", main)
