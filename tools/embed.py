"""Compute the features of all images in a folder, and show which images are alike.

cnxv2 embed convnextv2_tiny_fcmae photographs
cnxv2 embed runs/my_encoder photographs --out work_dirs/photographs.parquet

CHECKPOINT is a name of cnxv2_mm.zoo, a file of any library, an address, or the folder of a run of ours.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import cnxv2_mm  # noqa: F401  first: it supplies missing mmcv operators
from cnxv2_mm import command_line
from cnxv2_mm.analysis.report.network import load_network
from cnxv2_mm.arguments import check_argument
from cnxv2_mm.checkpoints.backbone import weights_of
from cnxv2_mm.images import find_images
from cnxv2_mm.prediction.embedding import embed
from cnxv2_mm.prediction.neighbours import draw_sheet
from cnxv2_mm.prediction.statistics import Statistics, find_statistics
from cnxv2_mm.prediction.table import check_target, write_table
from cnxv2_mm.variants import LAST_STRIDE
from cnxv2_mm.whole_file import whole_file


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compute the features of images.")
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="a name of cnxv2_mm.zoo, a file, an address, or the folder of a run"
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="images, at any depth")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("embeddings.npy"),
        metavar="FILE",
        help=".npy, with the names of the images in a .json beside it, or .parquet (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=224,
        help="images are seen whole, with as many pixels as a square of this side, a multiple of 32 (default: 224)",
    )
    parser.add_argument(
        "--mean", type=float, nargs="+", help="what images are normalised by (default: what the weights say)"
    )
    parser.add_argument("--std", type=float, nargs="+", help="the same for the deviation")
    parser.add_argument("--overwrite", action="store_true", help="replace the files of an earlier call")
    parser.add_argument("--trust-pickle", action="store_true", help="read files even if they then run code in them")
    command_line.add_traceback_option(parser)
    args = parser.parse_args(argv)
    if (args.mean is None) != (args.std is None):
        parser.error("--mean and --std are given together")
    if args.mean is not None and not (len(args.mean) == len(args.std) and min(args.std) > 0):
        parser.error("--mean and --std have a number for each channel, and --std is above 0")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Compute and write; returns 1 if an image could not be read, else 0."""
    args = parse_args(argv)
    check_argument(
        "--size", args.size, int, f"a multiple of {LAST_STRIDE}", lambda n: n >= LAST_STRIDE and n % LAST_STRIDE == 0
    )
    check_target(args.out, args.overwrite)
    if not args.folder.is_dir():
        raise FileNotFoundError(f"{args.folder} is no folder; name the folder of the images")
    files = find_images(args.folder)
    if not files:
        raise ValueError(f"{args.folder} has no images, at any depth")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = load_network(weights_of(args.checkpoint), args.checkpoint, device, trust_pickle=args.trust_pickle)
    channels = network.source.architecture.in_channels
    statistics = Statistics(tuple(args.mean), tuple(args.std), "--mean and --std") if args.mean else None
    if statistics is None:
        statistics = find_statistics(args.checkpoint, channels)
    elif len(statistics.mean) != channels:
        raise ValueError(f"--mean has {len(statistics.mean)} numbers, and {args.checkpoint} takes {channels} channels")
    console = command_line.console(soft_wrap=True)
    console.print(f"{network.source.architecture}; mean and standard deviation: {statistics.source}")
    columns = (TextColumn("embedding", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=command_line.console(stderr=True)) as progress:
        task = progress.add_task("", total=len(files))
        features, rows, unreadable = embed(
            network, files, statistics, args.size, lambda number: progress.advance(task, number)
        )
    if not rows:
        raise ValueError(f"none of {len(files)} images could be read, the first of them {files[0]}: {unreadable[0][1]}")
    known = [files[row] for row in rows]
    written = write_table(args.out, features, [file.relative_to(args.folder).as_posix() for file in known])
    if len(known) > 1:
        sheet = args.out.with_name(f"{args.out.stem}_neighbours.png")
        with whole_file(sheet) as part:
            draw_sheet(features, known, f"{args.checkpoint} on {args.folder}").save(part, format="PNG")
        written.append(sheet)
    console.print(
        f"{len(known)} image{'s' * (len(known) != 1)}, {features.shape[1]} numbers each: {', '.join(map(str, written))}"
    )
    for _, reason in unreadable:
        console.print(f"not read: {reason}")
    return 1 if unreadable else 0


if __name__ == "__main__":
    command_line.run("embed", main)
