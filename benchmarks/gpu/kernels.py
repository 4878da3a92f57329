"""Kernels one by one against PyTorch's own: milliseconds, bytes a second and errors.

    python -m benchmarks.gpu.kernels --json kernels.json

The shapes are those of tiny with 128 images, and of its dense backbone on two images of 1024 pixels, in bfloat16. The
exit status is 1 if an error is larger than rounding to bfloat16 explains.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.gpu.depthwise_cases import depthwise_cases
from benchmarks.gpu.kernel_timing import Case, Row, measure
from benchmarks.gpu.mlp_cases import mlp_cases
from cnxv2_mm.variants import find_variant

REPEATS = 20
# Relative errors in the L2 norm. A number in bfloat16 is within 0.2 % of what it stands for, on the average of squares.
TOLERANCE = 0.02


def list_cases(device: torch.device, quick: bool) -> Iterator[Case]:
    """Give all cases, one after another; quick, small ones."""
    channels = (16, 32, 48, 64) if quick else find_variant("tiny").channels
    images, size = (2, 64) if quick else (128, 224)
    yield from depthwise_cases(images, size, channels, device, torch.bfloat16)
    visible = 1 if quick else 19
    packed = [(images, visible * 64 // 4**stage, width) for stage, width in enumerate(channels)]
    side = 8 if quick else 256
    dense = [(2, side // 2**stage, side // 2**stage, width) for stage, width in enumerate(channels)]
    yield from mlp_cases([*packed, *dense], device, torch.bfloat16)


def line(row: Row) -> str:
    """Return a row as a line."""
    times = f"{row.milliseconds.median:9.3f} ms  {row.gigabytes_per_second:7.0f} GB/s  error {row.error:.1e}"
    return f"{row.operation:9}  {row.direction:15}  {row.shape:48}  {row.by:21} {times}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.kernels", description="Kernels one by one.")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--quick", action="store_true", help="small shapes, two calls of each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    args = parser.parse_args(argv)
    torch.manual_seed(0)
    device = torch.device(args.device)
    rows = []
    for case in list_cases(device, args.quick):
        rows.append(measure(case, device, 2 if args.quick else REPEATS))
        print(line(rows[-1]))
        if args.json:
            args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    wrong = [row for row in rows if not row.error <= TOLERANCE]  # not so for NaN
    if wrong:
        print(f"Errors above {TOLERANCE}:", *map(line, wrong), sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
