"""Files as `cnxv2 export` writes them, of functions whose results anybody can see in the picture."""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from cnxv2_mm.export.onnx_file import write_onnx
from cnxv2_mm.export.program_file import write_program


class Bright(nn.Module):
    """A detector that finds one thing: all that is bright in red, and, as a box, its left upper quarter."""

    task, outputs = "detector", ("boxes", "scores", "labels", "masks")

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        height, width = image.shape[1:3]
        red = image.float()[:, :, :, 0]
        boxes = red.new_tensor([[0, 0, width / 2, height / 2]])
        return boxes, (red.mean() / 255)[None], torch.zeros(1, dtype=torch.int64), red > 127


class Colours(nn.Module):
    """A classifier whose scores are the means of red, green and blue."""

    task, outputs = "classifier", ("scores",)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (image.float().mean(dim=(1, 2)) / 255,)


class Brightest(nn.Module):
    """A segmentor whose logits are red, green and blue."""

    task, outputs = "segmentor", ("logits",)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (image.float().permute(0, 3, 1, 2),)


def write_tiny(module: nn.Module, file: Path, size: tuple[int, int], **metadata: object) -> Path:
    """Write a .pt2 or .onnx file for pictures of one size."""
    height, width = size
    content = {
        "cnxv2_mm": "test",
        "task": module.task,
        "classes": ["red", "green", "blue"],
        "input": {
            "name": "image",
            "shape": [1, height, width, 3],
            "type": "uint8",
            "channels": "RGB",
            "sides": {"height": [height, height], "width": [width, width]},
        },
        "outputs": [{"name": name} for name in module.outputs],
        "resize": [],
        **metadata,
    }
    texts = {key: json.dumps(value) for key, value in content.items()}
    program = torch.export.export(module, (torch.zeros(1, height, width, 3, dtype=torch.uint8),), strict=False)
    if file.suffix == ".onnx":
        write_onnx(program, file, list(module.outputs), texts)
    else:
        write_program(program, file, texts)
    return file


def disc(height: int, width: int) -> Tensor:
    """(height, width, 3) bytes: a white disc in the middle, on red that is dark."""
    rows, columns = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    inside = ((rows - height / 2) / (0.4 * height)) ** 2 + ((columns - width / 2) / (0.3 * width)) ** 2 < 1
    picture = torch.full((height, width, 3), 255, dtype=torch.uint8)
    picture[~inside] = torch.tensor([60, 0, 0], dtype=torch.uint8)
    return picture
