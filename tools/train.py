"""Train any config of this repository, or any mmdet, mmseg or mmpretrain config.

python tools/train.py configs/... --work-dir work_dirs/run --amp
torchrun --nproc_per_node 8 tools/train.py configs/... --launcher pytorch
"""

import argparse
from collections.abc import Sequence

import cnxv2_mm  # noqa: F401  first: it registers our types and supplies missing mmcv operators
from cnxv2_mm import command_line
from cnxv2_mm.config.check import check_names, check_optimizer
from cnxv2_mm.config.load import load_config
from cnxv2_mm.training.auto_scale_lr import scale_learning_rate
from cnxv2_mm.training.mixed_precision import use_amp
from cnxv2_mm.training.options import add_common_arguments, drop_validation, set_run
from cnxv2_mm.training.runner import train


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a model.")
    add_common_arguments(parser)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="continue from a checkpoint; without a value or with 'auto', from the last one in the work folder",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="start over in a work folder that has checkpoints of an earlier run"
    )
    parser.add_argument("--no-validate", action="store_true", help="never validate")
    parser.add_argument(
        "--auto-scale-lr", action="store_true", help="scale learning rates from auto_scale_lr.base_batch_size"
    )
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    config = load_config(args.config, args.cfg_options)
    check_names(config)
    check_optimizer(config)
    set_run(config, args)
    if args.no_validate:
        drop_validation(config)
    if args.amp:
        use_amp(config)
    if args.auto_scale_lr:
        scale_learning_rate(config)
    if args.resume is None and config.get("resume"):  # as mmengine reads a config
        args.resume = config.get("load_from") or "auto"
    train(config, args.resume, args.overwrite)


if __name__ == "__main__":
    command_line.run("train", main)
