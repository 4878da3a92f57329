"""Files of torch.export: plain PyTorch reads them, with torchvision's operations."""

import json
import subprocess
import sys
import zipfile

import torch
from torch import nn
from torchvision.ops import nms

from cnxv2_mm.export.program import record
from cnxv2_mm.export.program_file import ProgramModel, write_program
from tests.export.test_program import EXAMPLE, whole


class Suppresses(nn.Module):
    def forward(self, images):
        boxes = torch.tensor([[0.0, 0.0, 5.0, 5.0], [0.0, 0.0, 5.0, 6.0], [20.0, 20.0, 30.0, 30.0]])
        return boxes[nms(boxes, images[0, :, 0, 0], 0.5)]


READ = """
import json, sys, torch, torchvision
extra = {"metadata.json": ""}
program = torch.export.load(sys.argv[1], extra_files=extra)
assert "cnxv2_mm" not in sys.modules
print(extra["metadata.json"], program.module()(torch.load(sys.argv[2]))[0].tolist())
"""


def test_a_file_needs_torchvision_and_nothing_of_ours(tmp_path):
    file, image = tmp_path / "model.pt2", tmp_path / "image.pth"
    program = record(whole(Suppresses()), EXAMPLE, dynamic=False)
    metadata = {"outputs": json.dumps([{"name": "map"}])}
    write_program(program, file, metadata)
    torch.save(EXAMPLE, image)
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", READ, file, image], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    expected = program.module()(EXAMPLE)[0]
    assert ran.stdout.strip() == f"{json.dumps(metadata)} {expected.tolist()}"
    assert any(name.endswith("metadata.json") for name in zipfile.ZipFile(file).namelist())
    torch.testing.assert_close(torch.from_numpy(ProgramModel(file)(EXAMPLE.numpy())["map"]), expected)
