"""Test a checkpoint with any config of this repository, or any mmdet, mmseg or mmpretrain config.

python tools/test.py configs/... work_dirs/run/epoch_12.pth --out predictions.pkl --show-dir pictures
python tools/test.py configs/... detector.onnx

The second form tests a file of ``cnxv2 export`` on the data and with the evaluator of the config.
"""

import argparse
from collections.abc import Sequence

import cnxv2_mm  # noqa: F401  first: it registers our types and supplies missing mmcv operators
from cnxv2_mm import command_line
from cnxv2_mm.config.check import check_names
from cnxv2_mm.config.load import load_config
from cnxv2_mm.export.exported_model import SUFFIXES
from cnxv2_mm.export.in_runner import use_exported_file
from cnxv2_mm.training import resuming
from cnxv2_mm.training.data_check import check_data
from cnxv2_mm.training.loaded_weights import RequireWeights
from cnxv2_mm.training.options import add_common_arguments, set_run
from cnxv2_mm.training.runner import build_runner, leave_processes
from cnxv2_mm.training.testing import draw_predictions, use_tta, write_predictions


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Test a model.")
    add_common_arguments(parser)
    parser.add_argument("checkpoint", help="file or address of the weights, or a file of cnxv2 export")
    parser.add_argument("--out", "--dump", metavar="FILE.pkl", help="write the predictions to a pickle file")
    parser.add_argument("--show", action="store_true", help="open a window with every prediction")
    parser.add_argument("--show-dir", help="write a picture of every prediction into this folder")
    parser.add_argument("--wait-time", type=float, default=2.0, help="seconds that a window stays")
    parser.add_argument("--tta", action="store_true", help="test-time augmentation")
    command_line.add_traceback_option(parser)
    args = parser.parse_args(argv)
    if args.out is not None and not args.out.endswith((".pkl", ".pickle")):
        parser.error(f"--out {args.out}: the file name must end in .pkl or .pickle")
    if args.checkpoint.endswith(SUFFIXES):
        for option, fix in (("amp", "export it with --fp16 instead"), ("tta", "test the checkpoint with it")):
            if getattr(args, option):
                parser.error(f"--{option}: {args.checkpoint} is an exported file, which runs as it is: {fix}")
    return args


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Test; returns the metrics by name."""
    args = parse_args(argv)
    config = load_config(args.config, args.cfg_options)
    check_names(config)
    set_run(config, args)
    resuming.check_checkpoint(args.checkpoint)
    if args.checkpoint.endswith(SUFFIXES):
        use_exported_file(config, args.checkpoint)
    else:
        config.load_from, config.resume = args.checkpoint, False
    if args.amp:
        config.test_cfg.fp16 = True
    if args.show or args.show_dir is not None:
        draw_predictions(config, show=args.show, show_dir=args.show_dir, wait_time=args.wait_time)
    if args.tta:
        use_tta(config)
    remarks = check_data(config, ("test_dataloader",))
    runner = build_runner(config)
    for remark in remarks:
        runner.logger.warning(remark)
    runner.register_hook(RequireWeights())
    if args.out is not None:
        write_predictions(runner, config, args.out)
    metrics = runner.test()
    leave_processes()
    return metrics


if __name__ == "__main__":
    command_line.run("test", main)
