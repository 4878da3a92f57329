"""A small encoder, and a detector that was trained from it in a few iterations."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.recipes.finetuning.finetune import finetune
from cnxv2_mm.recipes.finetuning.start import find_start
from tests.recipes.data.coco_folder import CocoFolder

ARCH = {"depths": [1, 1, 1, 1], "channels": [8, 16, 24, 32]}
MEAN, STD = (120.0, 110.0, 100.0), (60.0, 61.0, 62.0)
# Of ten images in batches of four: 4 iterations.
EPOCHS = 1.6


def write_encoder(file: Path, metadata: dict[str, str] | None = None) -> Path:
    torch.manual_seed(7)
    backbone = ConvNeXtV2(ARCH, out_indices=(0, 1, 2, 3))
    tensors = {f"backbone.{name}": tensor for name, tensor in backbone.state_dict().items()}
    stated = {"mean": json.dumps(MEAN), "std": json.dumps(STD)} if metadata is None else metadata
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, {"format": "pt", **stated})
    return file


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory):
    """A run folder of a pre-training."""
    folder = tmp_path_factory.mktemp("pretrained")
    write_encoder(folder / "encoder.safetensors")
    return folder


@pytest.fixture(scope="session")
def start(pretrained):
    return find_start(str(pretrained))


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    return CocoFolder(tmp_path_factory.mktemp("labelled")).write()


@pytest.fixture(scope="session")
def ended(labelled, pretrained, tmp_path_factory):
    """A detector of four iterations."""
    out = tmp_path_factory.mktemp("runs") / "detector"
    return finetune("detect", labelled, start=pretrained, out=out, epochs=EPOCHS)
