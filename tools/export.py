"""Export a trained model with its pre- and post-processing: ONNX, OpenVINO or torch.export, checked on real images.

cnxv2 export runs/beans --to onnx                                  (the folder of a run)
cnxv2 export my_config.py weights.pth --to openvino --size 640 640
cnxv2 export convnextv2_tiny_fcmae --to torch-export --dynamic     (a backbone alone)
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

import cnxv2_mm
from cnxv2_mm import command_line
from cnxv2_mm.checkpoints import trust_pickle
from cnxv2_mm.export.export import TARGETS, Export
from cnxv2_mm.prediction.source import Source


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Export a trained model, and check that the file gives the same numbers.",
        usage="%(prog)s DIR --to TARGET [options]\n       %(prog)s CONFIG CHECKPOINT --to TARGET [options]\n"
        "       %(prog)s BACKBONE --to TARGET [options]",
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="DIR | CONFIG CHECKPOINT | BACKBONE",
        help="the folder of a run; a config and its checkpoint; or a backbone alone: a name of cnxv2_mm.zoo, a file of "
        "weights, the folder of a pre-training",
    )
    parser.add_argument("--to", required=True, choices=TARGETS, help="what to write")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("H", "W"),
        help="height and width of the images (default: what the config's test pipeline makes of every image)",
    )
    shape.add_argument(
        "--dynamic", action="store_true", help="images of any size (default where the test pipeline keeps proportions)"
    )
    parser.add_argument("--fp16", action="store_true", help="compute in float16; norms stay in float32")
    parser.add_argument("--logits", action="store_true", help="of a segmentor: the logits of each class")
    parser.add_argument(
        "--images",
        nargs="+",
        default=(),
        help="image files and folders to check the file with (default: some of the config's tests, or a photograph)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="what to write (default: the source's name, here)")
    parser.add_argument("--overwrite", action="store_true", help="replace the file of an earlier call")
    parser.add_argument("--trust-pickle", action="store_true", help="read checkpoints even if that runs code in them")
    command_line.add_traceback_option(parser)
    args = parser.parse_args(argv)
    if len(args.words) > 2:
        parser.error(f"there are too many words: {' '.join(args.words[2:])}")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Export, and print what came of it."""
    args = parse_args(argv)
    if args.trust_pickle:
        trust_pickle()
    report(
        cnxv2_mm.export_model(
            Source(*args.words) if len(args.words) == 2 else args.words[0],
            args.to,
            size=tuple(args.size) if args.size else None,
            dynamic=args.dynamic,
            fp16=args.fp16,
            logits=args.logits,
            images=args.images,
            out=args.out,
            overwrite=args.overwrite,
        )
    )


def report(found: Export) -> None:
    """Print the differences, and what was written."""
    table = Table(title="largest differences from the model in PyTorch")
    for name, justify in (("output", "left"), ("shape", "left"), ("difference", "right"), ("allowed", "right")):
        table.add_column(name, justify=justify)
    for one in found.differences:
        shape = " x ".join(map(str, found.outputs.get(one.name, ())))
        table.add_row(one.name, shape, f"{one.largest:.2g} {one.unit}".rstrip(), f"{one.tolerance:g}")
    console = command_line.console(soft_wrap=True)
    console.print(table)
    for one in found.differences:
        if one.reason:
            console.print(f"{one.name}: more than usual is allowed, since {one.reason}")
    images = f"{found.images[0].name}" if len(found.images) == 1 else f"{len(found.images)} images"
    console.print(f"compared on {images}; the input is {' x '.join(map(str, found.shape))} (RGB bytes)")
    console.print(f"{', '.join(map(str, found.files))}: {found.size / 1e6:.1f} MB, in {found.seconds:.0f} seconds")


if __name__ == "__main__":
    command_line.run("export", main)
