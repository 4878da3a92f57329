"""How many of the published configs the swap can handle, measured on all of them.

    python -m benchmarks.swap --json benchmarks/swap/coverage.json --markdown benchmarks/swap/coverage.md
    python -m benchmarks.swap --only mmdet/retinanet
    python -m benchmarks.swap --sample 20
    python -m benchmarks.swap --only mmpose --update --json benchmarks/swap/coverage.json ...

The walk is over the configs that mmdet, mmseg, mmpretrain, mmpose, mmrotate and mmyolo publish, those of them that can
be imported. It takes those whose backbone is a ResNet, ResNeXt, ResNeSt, RegNet, Res2Net, MobileNet or Swin, or one of
mmyolo's own. Libraries that cannot be imported together are walked one after the other: with ``--update`` the file of
``--json`` keeps what it has of the others. Each config is built with its own backbone, swapped (``cnxv2_mm.swap``,
size atto) and built again. Then one config of every family (folder) and model (types of the model, its necks and its
heads) runs a training step and a prediction on small made-up batches. In the step, the losses must be finite and every
trainable parameter of the backbone must get a gradient. Weights are random: nothing is downloaded. A model that reads
BERT from Hugging Face gets a BERT of one layer. The few configs that fetch something else do not build without a
network.

The exit status is 1 below the target: 95 % are swapped, and every step and every prediction that runs with the config's
own backbone runs.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.swap.coverage import covered_now, read_json, write_json, write_markdown
from benchmarks.swap.published import LIBRARIES, list_configs
from benchmarks.swap.report import print_table, reached
from benchmarks.swap.walk import examine_all, run_representatives
from cnxv2_mm import command_line
from demo.progress import progress


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.swap", description="Swap the backbones of all published configs, and count."
    )
    parser.add_argument("--only", metavar="FAMILY", help="a library, a family or a config: mmdet, mmdet/retinanet, ...")
    parser.add_argument("--sample", type=int, metavar="N", help="only N configs, spread evenly")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, config by config")
    parser.add_argument("--update", action="store_true", help="keep what the file of --json has of other libraries")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="so many at a time (default: 2)")
    parser.add_argument(
        "--limit",
        type=float,
        default=180,
        metavar="SECONDS",
        help="to swap a config, and to train and predict (default: %(default)g)",
    )
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    # In a file or a pipe there is no window to fit into.
    console = command_line.console(width=None if sys.stdout.isatty() else 160)
    if args.update and not (args.json and args.json.is_file()):
        raise ValueError("--update needs --json with a file that an earlier walk wrote")
    if args.update and (args.sample is not None or args.only not in (None, *LIBRARIES)):
        raise ValueError(f"--update is for whole libraries: leave --sample out, and give --only one of {LIBRARIES}")
    configs = list_configs(args.only)
    if args.sample is not None:
        if not 1 <= args.sample <= len(configs):
            raise ValueError(f"--sample {args.sample} must lie in 1 ... {len(configs)}, the number of configs")
        configs = [configs[i * len(configs) // args.sample] for i in range(args.sample)]
    started = time.monotonic()
    with progress(console, "Swapping") as report:
        outcomes = examine_all(configs, args.processes, args.limit, report)
    with progress(console, "Training, predicting") as report:
        outcomes = run_representatives(outcomes, args.processes, args.limit, report)
    seconds = time.monotonic() - started
    walked = " ".join(["python -m benchmarks.swap", *(sys.argv[1:] if argv is None else argv)])
    coverage = covered_now(outcomes, walked, seconds)
    if args.update:
        coverage = read_json(args.json).updated(coverage)
    print_table(console, outcomes)
    for path, write in ((args.json, write_json), (args.markdown, write_markdown)):
        if path is not None:
            write(path, coverage)
            console.print(f"Written: {path}")
    return 0 if reached(outcomes) else 1


if __name__ == "__main__":
    command_line.run("benchmarks.swap", main)
