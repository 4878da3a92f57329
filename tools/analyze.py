"""Measure feature collapse and what features are worth, of one checkpoint or several side by side.

python tools/analyze.py work_dirs/fcmae/epoch_100.pth --data my_images
python tools/analyze.py v1.pth v2.pth convnextv2_atto_fcmae --data imagenet/val --out work_dirs/v1_and_v2

Prints a table. The folder --out gets page.html, which a browser opens and which needs no other file; the numbers as
analysis.json and layers.csv; and each plot as a file. Files of an earlier call are replaced. Images of class folders
(FOLDER/<class>/...) give class selectivity, k-NN and linear probe too. What each number means: docs/analyze.md.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from rich.markup import escape
from rich.progress import Progress, TaskID
from torch import Tensor

import cnxv2_mm  # noqa: F401  first: it supplies missing mmcv operators
from cnxv2_mm import command_line
from cnxv2_mm.analysis.report.images import Images, Normalisation, choose_images, read_batches, read_pixels
from cnxv2_mm.analysis.report.measure import Measures, measure
from cnxv2_mm.analysis.report.network import load_network, short_labels
from cnxv2_mm.analysis.report.page import describe, write_page
from cnxv2_mm.analysis.report.plots import draw_all
from cnxv2_mm.analysis.report.results import as_csv, as_json, as_table
from cnxv2_mm.arguments import check_argument, check_count
from cnxv2_mm.variants import LAST_STRIDE
from cnxv2_mm.whole_file import whole_file


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the features of checkpoints, as numbers, plots and a page.")
    parser.add_argument(
        "checkpoints", nargs="+", metavar="CHECKPOINT", help="a file, an address, or a name of cnxv2_mm.zoo"
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="images, in class folders or not")
    parser.add_argument(
        "--out", type=Path, default=Path("work_dirs/analyze"), metavar="FOLDER", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--size", type=int, default=224, help="pixels each way, a multiple of 32 (default: %(default)s)"
    )
    parser.add_argument(
        "--max-images", type=int, default=1000, help="how many are measured, as many of each class (default: 1000)"
    )
    parser.add_argument("--batch-size", type=int, default=32, help="images at once (default: %(default)s)")
    parser.add_argument(
        "--mean", type=float, nargs="+", help="what images are normalised by, as RGB (default: ImageNet's)"
    )
    parser.add_argument("--std", type=float, nargs="+", help="the same for the deviation")
    parser.add_argument("--prefix", help="what stands before the names of the network, if a file holds several")
    parser.add_argument("--entry", help="the entry of the files with the weights (default: averaged weights, if any)")
    parser.add_argument("--trust-pickle", action="store_true", help="read files even if they then run code in them")
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def measure_all(args: argparse.Namespace, images: Images) -> list[Measures]:
    """Load and measure one checkpoint after the other; one network is in memory at a time."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    results = []
    with Progress(console=command_line.console(stderr=True)) as progress:
        for checkpoint, label in zip(args.checkpoints, short_labels(args.checkpoints), strict=True):
            network = load_network(checkpoint, label, device, args.prefix, args.entry, args.trust_pickle)
            normalisation = Normalisation(network.source.architecture.in_channels, args.mean, args.std)
            batches = read_batches(images, args.size, args.batch_size, normalisation)
            task = progress.add_task(escape(label), total=len(images.files))
            results.append(measure(network, images, show(batches, progress, task), normalisation))
    return results


def show(batches: Iterable[Tensor], progress: Progress, task: TaskID) -> Iterator[Tensor]:
    """Yield the batches; the bar grows behind each."""
    for batch in batches:
        yield batch
        progress.advance(task, len(batch))


def write(args: argparse.Namespace, images: Images, results: Sequence[Measures]) -> None:
    """Write the page, the numbers and the plots."""
    image = read_pixels(images.files[0], args.size, results[0].source.architecture.in_channels)
    plots = draw_all(results, image)
    args.out.mkdir(parents=True, exist_ok=True)
    files = {
        "page.html": write_page(results, images, args.size, plots).encode(),
        "analysis.json": as_json(results, images, args.size).encode(),
        "layers.csv": as_csv(results).encode(),
        **{plot.name: plot.data for plot in plots},
    }
    for name, data in files.items():
        with whole_file(args.out / name) as part:
            part.write_bytes(data)


def main(argv: Sequence[str] | None = None) -> list[Measures]:
    """Measure, write and print; returns what was measured."""
    args = parse_args(argv)
    check_argument(
        "--size",
        args.size,
        int,
        f"a multiple of {LAST_STRIDE}, at least {2 * LAST_STRIDE}",
        lambda size: size > LAST_STRIDE and size % LAST_STRIDE == 0,
    )
    check_count("--max-images", args.max_images)
    check_count("--batch-size", args.batch_size)
    images = choose_images(args.data, args.max_images)
    results = measure_all(args, images)
    write(args, images, results)
    console = command_line.console(width=None if sys.stdout.isatty() else 160)
    console.print(as_table(results, describe(images, args.size)))
    console.print(f"{args.out / 'page.html'} has the plots; analysis.json and layers.csv beside it the numbers.")
    return results


if __name__ == "__main__":
    command_line.run("analyze", main)
