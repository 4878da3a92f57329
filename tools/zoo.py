"""List the published ConvNeXt weights, show the config that starts from one, or download one. Each has its licence.

python tools/zoo.py list --task detection --commercial --size tiny
python tools/zoo.py show convnext_tiny.dinov3_lvd1689m
python tools/zoo.py download convnextv2_tiny_fcmae --to checkpoints
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from cnxv2_mm import command_line, zoo

_DENSE = ("dinov3", "eupe")  # trained for features of every cell
# Task -> which weights are for it. As the paper starts: detectors from weights that never saw ImageNet-1k's labels (its
# table 6), segmenters from weights that did (its appendix A.4).
TASKS: dict[str, Callable[[zoo.Weight], bool]] = {
    "detection": lambda weight: not weight.training.endswith("in1k"),
    "segmentation": lambda weight: weight.training.endswith("in1k") or weight.training in _DENSE,
    "classification": lambda weight: weight.classes > 0,
}
_TASK_HELP = (
    "weights that people start from: detection, those without fine-tuning on ImageNet-1k; segmentation, those with it, "
    "and DINOv3 and EUPE; classification, those with a classifier"
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The published ConvNeXt weights, each under a licence of its own.")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="the weights, their accuracies and licences")
    weights = zoo.WEIGHTS.values()
    listing.add_argument(
        "--commercial",
        action="store_true",
        help="leave out weights whose licence forbids commercial use; read those that have their own licence",
    )
    listing.add_argument("--task", choices=list(TASKS), help=_TASK_HELP)
    listing.add_argument("--size", choices=list(dict.fromkeys(weight.size for weight in weights)))
    listing.add_argument(
        "--training", choices=list(zoo.TRAININGS), help="; ".join(f"{k}: {v}" for k, v in zoo.TRAININGS.items())
    )
    listing.add_argument("--resolution", type=int, choices=sorted({weight.resolution for weight in weights}))
    listing.add_argument(
        "--source", choices=zoo.SOURCES, help="only weights of this source (%(choices)s), with their addresses"
    )
    listing.add_argument("--json", action="store_true", help="all that is known of them, for programs")
    showing = commands.add_parser("show", help="what is known of a weight, and the config that starts from it")
    showing.add_argument("name", help="convnext_tiny.dinov3_lvd1689m; timm:convnextv2_tiny_fcmae for another source")
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
        and (args.task is None or TASKS[args.task](weight))
        and not (args.commercial and weight.commercial == "no")
    ]


def as_json(weight: zoo.Weight) -> dict[str, Any]:
    """Return all that is known of a weight; a hash or an accuracy that is not published is null."""
    properties = ("parameters", "commercial", "backbone")
    return {**asdict(weight), **{name: getattr(weight, name) for name in properties}}


def as_table(weights: Iterable[zoo.Weight], source: str | None) -> Table:
    table = Table(caption="top-1: ImageNet-1k validation, %, as published; none was measured here.")
    table.add_column("name", no_wrap=True)
    for heading in ("million\nparameters", "pixels", "top-1"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("commercial\nuse", no_wrap=True)
    table.add_column("licence", no_wrap=True)
    if source is not None:
        table.add_column("SHA-256", no_wrap=True)
        table.add_column(f"address ({source})", overflow="fold")
    for weight in weights:
        row = [
            weight.name,
            f"{weight.parameters / 1e6:.1f}",
            str(weight.resolution),
            f"{weight.accuracies[0].top1:.1f}" if weight.accuracies else "-",
            weight.commercial,
            weight.licence,
        ]
        if source is not None:
            file = weight.files[source]
            row += [f"{file.sha256}..." if file.sha256 else "unknown", file.address]
        table.add_row(*row)
    return table


def as_config(weight: zoo.Weight, checkpoint: str) -> str:
    """Return a config's model that starts from a weight, in Python, below comments with what is known of the weight."""
    facts = {
        "network": f"ConvNeXt V{weight.version}, {weight.size}, {weight.parameters / 1e6:.1f} million parameters",
        "trained on": f"{zoo.TRAININGS[weight.training]}; {weight.resolution} x {weight.resolution} pixels",
        "classifier": f"{weight.classes} classes" if weight.classes else "none",
        **{
            f"top-1 ({accuracy.source})": f"{accuracy.top1}" + (f", top-5 {accuracy.top5}" if accuracy.top5 else "")
            for accuracy in weight.accuracies
        },
        "licence": f"{weight.licence}; commercial use: {weight.commercial}",
        **{f"file ({source})": file.address for source, file in weight.files.items()},
    }
    init_cfg = {"type": "cnxv2_mm.Pretrained", "checkpoint": checkpoint}
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", **weight.backbone, "init_cfg": init_cfg}
    preprocessor = {"mean": list(weight.mean), "std": list(weight.std), "bgr_to_rgb": True}
    return "\n".join(
        [
            *(f"# {what}: {fact}" for what, fact in facts.items()),
            "# data_preprocessor: for mmdet and mmseg; mmpretrain says to_rgb in the place of bgr_to_rgb",
            "model = dict(",
            f"    data_preprocessor={_as_python(preprocessor)},",
            "    backbone=dict(",
            *(f"        {key}={_as_python(value)}," for key, value in backbone.items()),
            "    ),",
            ")",
        ]
    )


def _as_python(value: Any) -> str:
    if isinstance(value, dict):
        return f"dict({', '.join(f'{key}={_as_python(entry)}' for key, entry in value.items())})"
    return f'"{value}"' if isinstance(value, str) else repr(value)


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
            console = command_line.console(width=None if sys.stdout.isatty() else 300)
            console.print(as_table(weights, args.source))
    elif args.command == "show":
        zoo.find_file(args.name)  # refuses a source that does not have it
        print(as_config(zoo.find_weight(args.name), args.name))
    else:
        print(zoo.fetch(args.name, args.to))


if __name__ == "__main__":
    command_line.run("zoo", main)
