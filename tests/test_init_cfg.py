"""No backbone is filled by mmengine's lenient initialiser."""

import subprocess
import sys

import pytest
import torch
from mmengine.model import PretrainedInit

from cnxv2_mm.init_cfg import make_strict

ARCH = {"depths": (1, 1, 2, 1), "channels": (8, 16, 24, 32)}


@pytest.mark.parametrize("kind", ["Pretrained", PretrainedInit])
def test_mmengine_s_lenient_initialiser_is_never_used(kind):
    plain = {"type": kind, "checkpoint": "x"}
    strict = {"type": "cnxv2_mm.Pretrained", "checkpoint": "x"}
    constant = {"type": "Constant", "layer": "Linear", "val": 0.5}
    assert make_strict(plain) == strict
    assert make_strict([plain, constant]) == [constant, strict]
    assert make_strict(None) is None
    assert plain["type"] == kind


def test_the_file_of_the_backbone_alone_brings_the_strict_initialiser(tmp_path):
    """The backbone names it and does not import it: it is in a folder that needs the backbone."""
    torch.save({"stem": torch.ones(1)}, tmp_path / "other.pth")  # mmengine would log this and go on
    code = (
        "from cnxv2_mm.backbone import ConvNeXtV2\n"
        f"weights = dict(type='Pretrained', checkpoint={str(tmp_path / 'other.pth')!r})\n"
        f"ConvNeXtV2({ARCH}, init_cfg=weights).init_weights()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ValueError: checkpoint=" in done.stderr
    assert "it holds no ConvNeXt" in done.stderr
