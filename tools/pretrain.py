"""Pre-train ConvNeXt V2 on a folder of images, without labels, by FCMAE.

python tools/pretrain.py my_images
python tools/pretrain.py my_images --arch atto --time 2h --out work_dirs/my_encoder --export timm

Every image is opened first. What is decided is printed, and written as an ordinary config, which `cnxv2 train` runs to
the same numbers. docs/pretrain.md shows the whole.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence

from cnxv2_mm import command_line
from cnxv2_mm.recipes.pretraining.pretrain import Pretraining, pretrain
from cnxv2_mm.recipes.run_folder import FORMATS
from cnxv2_mm.swap.weights import NO_WEIGHTS


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Pre-train an encoder on a folder of images, without labels.")
    parser.add_argument("folder", metavar="FOLDER", help="the images, in folders of any depth")
    parser.add_argument("--arch", help="size of the encoder, atto to huge (default: tiny, or that of --weights)")
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: work_dirs/pretrain_<name of FOLDER>)")
    parser.add_argument(
        "--weights",
        default=NO_WEIGHTS,
        metavar="NAME|FILE|none",
        help="what it starts from: a name that `zoo list` shows, which is downloaded, or a file (default: none)",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--time", help="how long it may take, such as 2h or 45m (default: by the number of images)")
    length.add_argument("--epochs", type=int, help="how often each image is loaded")
    parser.add_argument("--size", type=int, help="side of the crops in pixels, a multiple of 32 (default: 224)")
    parser.add_argument(
        "--repeats", type=int, default=1, metavar="R", help="masks for each loaded image in a step (default: 1)"
    )
    parser.add_argument(
        "--export", nargs="+", default=[], choices=FORMATS, metavar="FORMAT", help=f"also write: {', '.join(FORMATS)}"
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    again.add_argument("--overwrite", action="store_true", help="remove the run in the folder and start anew")
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> Pretraining:
    """Pre-train; returns where the encoder is, and what was measured."""
    args = parse_args(argv)
    words = sys.argv[1:] if argv is None else argv
    return pretrain(
        args.folder,
        out=args.out,
        arch=args.arch,
        weights=args.weights,
        duration=args.time,
        epochs=args.epochs,
        size=args.size,
        repeats=args.repeats,
        export=args.export,
        resume=args.resume,
        overwrite=args.overwrite,
        command=shlex.join([*command_line.command("pretrain").split(), *words]),
    )


if __name__ == "__main__":
    command_line.run("pretrain", main)
