"""The demo's UperNet from an encoder, pre-trained on Fashion-MNIST or random: ``tools/train.py`` on its config."""

import os
import subprocess
import sys
from pathlib import Path

from mmengine.config import Config, ConfigDict

from benchmarks.evidence.arms import Transfer
from benchmarks.evidence.settings import Settings
from demo.scores import read_value
from demo.tasks import ROOT

CONFIG = ROOT / "configs/demo/upernet.py"


def write_config(transfer: Transfer, weights: Path | None, seed: int, settings: Settings, path: Path) -> None:
    """Write the demo's config with our encoder, its weights, a seed and a number of steps.

    Args:
        transfer: The encoder.
        weights: A file of :func:`benchmarks.evidence.runs.weights_file`, or None for random weights.
        seed: Draws weights and the order of the images.
        settings: The encoder's size and the number of steps.
        path: The file to write.
    """
    config = Config.fromfile(CONFIG)
    backbone = {
        "type": "cnxv2_mm.ConvNeXtV2",
        "arch": {"depths": settings.depths, "channels": settings.channels},
        **transfer.backbone,
    }
    if weights is not None:
        backbone["init_cfg"] = {"type": "Pretrained", "checkpoint": str(weights.resolve())}
    config.model.backbone = ConfigDict(backbone)
    config.model.decode_head.in_channels = list(settings.channels)
    config.model.auxiliary_head.in_channels = settings.channels[2]
    config.train_cfg.max_iters = config.train_cfg.val_interval = settings.transfer_steps
    config.randomness.seed = seed
    config.train_dataloader.num_workers = config.val_dataloader.num_workers = 0  # one process on one core
    config.train_dataloader.persistent_workers = config.val_dataloader.persistent_workers = False
    for part in (config.train_dataloader, config.val_dataloader):
        prefix = part.dataset.data_prefix
        part.dataset.data_prefix = ConfigDict({key: str(ROOT / folder) for key, folder in prefix.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    config.dump(str(path))


def train_upernet(config: Path) -> float:
    """Train a config in its own folder with one thread, and return its mIoU on the validation pictures, in 0 ... 1.

    Raises:
        RuntimeError: The training failed; the message ends with what it printed last.
    """
    folder = config.parent
    command = [sys.executable, str(ROOT / "tools/train.py"), str(config), "--work-dir", str(folder), "--overwrite"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()[-2000:]}")
    return read_value(folder, "mIoU") / 100
