"""A checkpoint that writes a file when it is unpickled, as one that steals a key would."""

from collections.abc import Callable
from pathlib import Path

import torch


class Bomb:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable, tuple]:
        return Path.touch, (self.trace,)


def write_hostile(folder: Path, **content: object) -> tuple[Path, Path]:
    """The checkpoint, with ``content`` beside the code, and the file that appears if the code runs."""
    trace = folder / "trace"
    torch.save({**content, "extra": Bomb(trace)}, folder / "hostile.pth")
    return folder / "hostile.pth", trace
