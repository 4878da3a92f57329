"""A training by the real command, ``tools/train.py --amp``, on images that are made up: images a second.

    python -m benchmarks.gpu.training_run --compile

Images are JPEG files of smooth noise, which the recipe's own pipeline reads, crops and flips. So the number is that of
a whole training, loaders of images included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.gpu.running import ROOT

# FCMAE on a folder of images, as users start it, without the hooks that look at held-out images.
CONFIG = """
_base_ = {base!r}
model = dict(backbone=dict(arch={arch!r}))
train_dataloader = dict(
    batch_size={batch_size}, num_workers={workers}, persistent_workers={workers} > 0,
    dataset=dict(data_root={images!r}))
train_cfg = dict(_delete_=True, by_epoch=False, max_iters={iterations})
default_hooks = dict(
    logger=dict(interval={interval}), checkpoint=dict(_delete_=True, type="CheckpointHook", interval=-1))
log_processor = dict(by_epoch=False)
custom_hooks = [dict(type="cnxv2_mm.ThroughputHook")]
"""


def write_images(folder: Path, num: int, side: int) -> None:
    """Write ``num`` JPEG files of smooth noise, ``side`` x ``side`` pixels."""
    generator = np.random.default_rng(0)
    folder.mkdir()
    for i in range(num):
        coarse = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{i:04d}.jpg"), cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))


def write_config(folder: Path, images: Path, quick: bool, iterations: int) -> Path:
    """Write the config of the run."""
    workers = 0 if quick else min(16, len(os.sched_getaffinity(0)))
    text = CONFIG.format(
        base=str(ROOT / "configs" / "fcmae" / "folder.py"),
        arch="atto" if quick else "tiny",
        batch_size=2 if quick else 128,
        workers=workers,
        images=str(images),
        iterations=iterations,
        interval=max(1, iterations // 4),
    )
    file = folder / "made_up_images.py"
    file.write_text(text)
    return file


def train(folder: Path, config: Path, compiled: bool) -> float:
    """Train, and return the images a second at the end.

    Raises:
        RuntimeError: The command failed; it has printed why.
    """
    work = folder / "run"
    command = [sys.executable, "tools/train.py", str(config), "--work-dir", str(work), "--amp", "--no-validate"]
    if compiled:
        command += ["--cfg-options", "compile=True"]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status:
        raise RuntimeError(f"tools/train.py ended with exit status {status}")
    return last_rate(next(work.rglob("scalars.json")))


def last_rate(scalars: Path) -> float:
    """Return the last ``images_per_second`` of mmengine's log."""
    rows = [json.loads(row) for row in scalars.read_text().splitlines()]
    return [row["images_per_second"] for row in rows if "images_per_second" in row][-1]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.training_run", description="A short training.")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"], help="where mmengine will run it")
    parser.add_argument("--quick", action="store_true", help="a small network, small images, four steps")
    parser.add_argument("--compile", action="store_true", help="compile the step")
    parser.add_argument("--iterations", type=int, help="steps of training (default: 80, or 4 if quick)")
    args = parser.parse_args(argv)
    iterations = args.iterations or (4 if args.quick else 80)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_images(folder / "images", 16 if args.quick else 1024, 64 if args.quick else 256)
        rate = train(folder, write_config(folder, folder / "images", args.quick, iterations), args.compile)
    print(f"tools/train.py on {args.device}, {'compiled' if args.compile else 'eager'}: {rate:.0f} images/s at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
