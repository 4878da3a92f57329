"""Predict images with a trained detector, segmenter or classifier: pictures, and one JSON file.

cnxv2 predict runs/beans photographs                       (the folder of a run, and images)
cnxv2 predict my_config.py weights.pth a.jpg b.jpg --out shown

Writes OUT/pictures, OUT/predictions.json (detectors: COCO's format) and, of segmenters, OUT/label_maps.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import cnxv2_mm  # noqa: F401  first: it registers our types and supplies missing mmcv operators
from cnxv2_mm import command_line
from cnxv2_mm.arguments import check_argument, check_count
from cnxv2_mm.checkpoints import trust_pickle
from cnxv2_mm.prediction.model import TrainedModel
from cnxv2_mm.prediction.run import Predictions, plan, predict
from cnxv2_mm.prediction.source import split_words
from cnxv2_mm.prediction.tiles import check_sahi


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Predict images with a trained model.",
        usage="%(prog)s DIR IMAGES... [options]\n       %(prog)s CONFIG CHECKPOINT IMAGES... [options]",
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="DIR | CONFIG CHECKPOINT, IMAGES",
        help="the folder of a run, or a config and its checkpoint; then image files, and folders that are searched for "
        "images at any depth",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("predictions"), metavar="DIR", help="where to write (default: %(default)s)"
    )
    parser.add_argument(
        "--min-score", type=float, default=0.3, help="detections with a lower score are left out (default: %(default)s)"
    )
    parser.add_argument(
        "--tiles", type=int, metavar="SIZE", help="search large images in tiles of so many pixels too (detectors; sahi)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the files of an earlier call")
    parser.add_argument("--trust-pickle", action="store_true", help="read checkpoints even if that runs code in them")
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Predict; returns 1 if an image could not be read, else 0."""
    args = parse_args(argv)
    check_argument("--min-score", args.min_score, float, "from 0 to 1", lambda score: 0 <= score <= 1)
    if args.tiles is not None:
        check_count("--tiles", args.tiles)
        check_sahi()
    if args.trust_pickle:
        trust_pickle()
    source, images = split_words(args.words)
    jobs = plan(images, args.out, args.overwrite)
    model = TrainedModel(source, "cuda" if torch.cuda.is_available() else "cpu")
    console = command_line.console(stderr=True)
    columns = (TextColumn("predicting", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(jobs))
        found = predict(model, jobs, args.out, args.min_score, args.tiles, lambda: progress.advance(task))
    return report(found)


def report(found: Predictions) -> int:
    """Print what was written, and what could not be read."""
    console = command_line.console(soft_wrap=True)
    images = "1 image" if found.done == 1 else f"{found.done} images"
    console.print(f"{images}: pictures in {found.results.parent / 'pictures'}, results in {found.results}")
    for _, reason in found.unreadable:
        console.print(f"not read: {reason}")
    return 1 if found.unreadable else 0


if __name__ == "__main__":
    command_line.run("predict", main)
