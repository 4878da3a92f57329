"""torch.export: the recorded program itself as a file, and running it in PyTorch.

A program has operations of torchvision in it (``nms``, ``roi_align``): ``import torchvision`` before it is loaded.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torchvision  # noqa: F401  registers its operations
from torch.export import ExportedProgram

from cnxv2_mm.export.quiet import quiet

_METADATA = "metadata.json"


def write_program(program: ExportedProgram, file: Path, metadata: Mapping[str, str]) -> None:
    """Write a program with ``torch.export.save``.

    Args:
        program: The recorded model.
        file: Where to write it, a name that ends in ``.pt2``.
        metadata: What is written into its extra file ``metadata.json``.
    """
    with quiet():
        torch.export.save(program, file, extra_files={_METADATA: json.dumps(dict(metadata))})


class ProgramModel:
    """A recorded program in PyTorch, on the CPU.

    Args:
        file: The file.

    Attributes:
        metadata: Its extra file ``metadata.json``.
    """

    def __init__(self, file: Path) -> None:
        extra = {_METADATA: ""}
        with quiet():
            program = torch.export.load(file, extra_files=extra)
        self.metadata: dict[str, str] = json.loads(extra[_METADATA] or "{}")
        self._names = [output["name"] for output in json.loads(self.metadata.get("outputs", "[]"))]
        self._module = program.module()

    @torch.no_grad()
    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs of pictures (N, height, width, C) by name."""
        found = self._module(torch.from_numpy(np.ascontiguousarray(image)))
        return dict(zip(self._names, (output.numpy() for output in found), strict=True))
