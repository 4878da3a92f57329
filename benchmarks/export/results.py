"""What was measured, model by model, in a file that a later run goes on with."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.timing import Quartiles
from cnxv2_mm.whole_file import whole_file


@dataclass(frozen=True)
class Row:
    """A model in one form.

    Attributes:
        target: The form: 'PyTorch', 'ONNX', ...
        size: Bytes of its file, or of the weights in PyTorch.
        differences: How far its outputs are from those of PyTorch, by name, with the unit: "2e-05 pixels".
        seconds: Seconds for a picture, in each round; empty if it was not timed.
        reason: Why it was not.
    """

    target: str
    size: int | None = None
    differences: Mapping[str, str] | None = None
    seconds: tuple[float, ...] = ()
    reason: str = ""

    @property
    def milliseconds(self) -> Quartiles:
        return Quartiles.of([1000 * s for s in self.seconds])


@dataclass(frozen=True)
class Measured:
    """All forms of a model.

    Attributes:
        name: The model.
        weights: 'random', or what was trained.
        height: Of the picture, in pixels.
        width: Likewise.
        rows: The forms, PyTorch first.
        machine: What ran it (``benchmarks.speed.environment``).
        versions: With what.
        minutes: How long all of it took.
    """

    name: str
    weights: str
    height: int
    width: int
    rows: tuple[Row, ...]
    machine: Mapping[str, str | int | None]
    versions: Mapping[str, str | None]
    minutes: float


def read(file: Path) -> dict[str, Measured]:
    """Return what a file has, by model; nothing if there is no file."""
    if not file.is_file():
        return {}
    content: list[dict[str, Any]] = json.loads(file.read_text())["models"]
    models = [
        Measured(**{**one, "rows": tuple(Row(**{**row, "seconds": tuple(row["seconds"])}) for row in one["rows"])})
        for one in content
    ]
    return {one.name: one for one in models}


def write(file: Path, models: Mapping[str, Measured], command: str) -> None:
    """Write all of them, whole or not at all, with the command that measured the last one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as part:
        part.write_text(
            json.dumps({"command": command, "models": [asdict(m) for m in models.values()]}, indent=1) + "\n"
        )
