"""Parameters and operations of the model of any config, part by part, without building its weights.

python tools/flops.py configs/imagenet/... --shape 3 224 224
python tools/flops.py mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py --shape 3 800 1280

A multiply-add counts once; what else counts is said in cnxv2_mm/analysis/flops.py. Usual shapes are 3 224 224 for
classifiers and FCMAE, 3 800 1280 for detectors, 3 512 2048 for segmenters.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from mmengine.config import DictAction
from mmengine.registry import init_default_scope

import cnxv2_mm  # noqa: F401  first: it registers our types and supplies missing mmcv operators
from cnxv2_mm import command_line
from cnxv2_mm.analysis.flops import Cost, analyse, count_params
from cnxv2_mm.config.build import build_on_meta
from cnxv2_mm.config.load import load_config


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Count parameters and operations.")
    parser.add_argument("config", help="config file, or <library>::<file> for one of an installed library's own")
    parser.add_argument(
        "--shape", nargs=3, type=int, default=[3, 224, 224], metavar=("CHANNELS", "HEIGHT", "WIDTH"), help="one image"
    )
    parser.add_argument("--json", action="store_true", help="print numbers for programs")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, help="changes to the config: key.subkey=value")
    command_line.add_traceback_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> dict[str, Cost]:
    """Print the table; returns its rows."""
    args = parse_args(argv)
    config = load_config(args.config, args.cfg_options)
    init_default_scope(config.get("default_scope") or "mmengine")
    model = build_on_meta(config.model)
    parts = analyse(model, args.shape)
    total = sum(parts.values(), Cost(0, 0))
    # What only training uses, such as auxiliary heads, has parameters but takes no part here.
    training_only = Cost(count_params([model]) - total.params, 0)
    rows = {**parts, "training only": training_only, "total": total + training_only}
    if args.json:
        print(json.dumps({"shape": args.shape, **{name: asdict(cost) for name, cost in rows.items()}}, indent=2))
    else:
        print(f"{'part':<16}{'parameters':>16}{'GFLOPs':>12}   (one image of {' x '.join(map(str, args.shape))})")
        for name, cost in rows.items():
            print(f"{name:<16}{cost.params:>16,}{cost.flops / 1e9:>12.4g}")
    return rows


if __name__ == "__main__":
    command_line.run("flops", main)
