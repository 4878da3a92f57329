"""Write a config of OpenMMLab again with ConvNeXt V2 as its backbone: a short file that inherits from the given config.

python tools/swap_backbone.py mmdet::retinanet/retinanet_r50_fpn_1x_coco.py --arch tiny -o my_retinanet.py
python tools/swap_backbone.py mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py --weights dinov3.pth --freeze -o my_dino.py
python tools/swap_backbone.py my_segmenter.py --arch base --weights none --optimizer keep -o new.py --print-diff

docs/swap.md says what is changed, what is refused and why.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from cnxv2_mm import command_line
from cnxv2_mm.config.literal import literal
from cnxv2_mm.config.load import load_config
from cnxv2_mm.swap import Swap, changes, short_config, swap_config
from cnxv2_mm.swap.target import check_target, write_text
from cnxv2_mm.variants import VARIANTS


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Replace the backbone of a config by ConvNeXt V2.")
    parser.add_argument("config", help="config file, or <library>::<file> for one of an installed library's own")
    parser.add_argument(
        "--arch", choices=list(VARIANTS), help="size (default: that of the weights; without --weights tiny)"
    )
    parser.add_argument(
        "--weights",
        metavar="NAME|FILE|none",
        help="name in the zoo, file or address, in any library's format; it decides the size, V1 or V2 and how images "
        "are normalised; none for a random start (default: FCMAE's for detectors, ImageNet-1k's for segmenters, "
        "classifiers and frozen backbones; CC-BY-NC 4.0, no commercial use)",
    )
    parser.add_argument("--freeze", action="store_true", help="keep the backbone as it is and train neck and heads")
    parser.add_argument(
        "--optimizer", choices=("adamw", "keep"), default="adamw", help="AdamW with layer decay, or the config's own"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the new config")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    parser.add_argument("--print-diff", action="store_true", help="show old and new values")
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def header(args: argparse.Namespace, result: Swap) -> list[str]:
    """Return the sentences of the comment that the new config begins with."""
    return [f"Written by tools/swap_backbone.py from {args.config}.", *result.notes]


def print_differences(old: Config, new: Config, console: Console) -> None:
    """Print a table of the keys whose values differ."""
    table = Table(show_lines=True)
    for heading in ("key", "old", "new"):
        table.add_column(heading, overflow="fold")  # in a narrow window a value takes several lines
    for key, before, after in changes(old.to_dict(), new.to_dict()):
        table.add_row(key, literal(before), literal(after))
    console.print(table)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the new config and return the exit status: 1 if the swap is refused."""
    args = parse_args(argv)
    console = command_line.console(highlight=False)
    try:
        check_target(args.output, args.config, overwrite=args.overwrite)
        result = swap_config(
            args.config, args.arch, checkpoint=args.weights, optimizer=args.optimizer, freeze=args.freeze
        )
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"Not swapped: {error}", file=sys.stderr)
        return 1
    write_text(short_config(result.config, args.config, args.output.parent, header(args, result)), args.output)
    if args.print_diff:
        print_differences(load_config(args.config), result.config, console)
    for note in result.notes:
        console.print(f"- {note}")
    console.print(f"{args.output} is written. Train it: {command_line.command('train')} {args.output}")
    return 0


if __name__ == "__main__":
    command_line.run("swap_backbone", main)
