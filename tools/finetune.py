"""Fine-tune a pre-trained encoder on labelled images: a detector, a segmenter or a classifier.

python tools/finetune.py detect my_data --from work_dirs/pretrain --out work_dirs/detector
python tools/finetune.py detect my_data --from convnextv2_tiny_fcmae --time 2h
"""

import argparse
import shlex
import sys
from collections.abc import Sequence

from cnxv2_mm import command_line
from cnxv2_mm.recipes.finetuning.finetune import finetune
from cnxv2_mm.recipes.finetuning.tasks import TASKS


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Train a detector, a segmenter or a classifier on labelled images (docs/finetune.md)"
    )
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    for name, task in TASKS.items():
        add_arguments(tasks.add_parser(name, help=task.summary, description=f"Fine-tune: {task.summary}."), name)
    return parser.parse_args(argv)


def add_arguments(parser: argparse.ArgumentParser, task: str) -> None:
    parser.add_argument("data", metavar="DATA", help="the folder of labelled images")
    parser.add_argument(
        "--from",
        dest="start",
        metavar="DIR|NAME|FILE",
        help="the folder of a pre-training, a name that `zoo list` shows, or a file with weights",
    )
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: work_dirs/<task>_<name of DATA>)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--time", help="how long it may take, such as 2h or 45m (default: by the amount of data)")
    length.add_argument("--epochs", type=float, help="how often each image comes")
    parser.add_argument("--size", type=int, help="size of the images in pixels (default: by the data)")
    parser.add_argument(
        "--no-flip", action="store_true", help="never mirror images: left and right differ, as in digits or text"
    )
    if task == "segment":
        parser.add_argument(
            "--reduce-zero-label", action="store_true", help="0 is ignored, label n is class n - 1, as in ADE20K"
        )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    again.add_argument("--overwrite", action="store_true", help="remove the run in the folder and start anew")
    command_line.add_traceback_option(parser)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    words = sys.argv[1:] if argv is None else argv
    finetune(
        args.task,
        args.data,
        start=args.start,
        out=args.out,
        duration=args.time,
        epochs=args.epochs,
        size=args.size,
        flip=not args.no_flip,
        reduce_zero_label=getattr(args, "reduce_zero_label", False),
        resume=args.resume,
        overwrite=args.overwrite,
        command=shlex.join([*command_line.command("finetune").split(), *words]),
    )


if __name__ == "__main__":
    command_line.run("finetune", main)
