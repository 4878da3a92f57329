"""What a run measured, in memory and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.speed.timing import Quartiles


@dataclass(frozen=True)
class Measurement:
    """One peer, as it was timed: a row of a table.

    Attributes:
        peer: Its name.
        compiled: Whether it ran under ``torch.compile``.
        computes: What it computes and how.
        seconds: Seconds of one call, in each round.
        peak_bytes: Bytes alive at the peak of a call, beyond weights and images.
        saved_bytes: Bytes kept for the backward pass; None if the forward pass alone was timed.
        output_error: Relative error (L2 norm) of the worst output, in the form that was timed.
        gradient_error: The same of the worst gradient; in bfloat16, of all gradients as one vector.
        dtype: The type in which it computed, 'float32' or 'bfloat16', where the table has rows of several types.
    """

    peer: str
    compiled: bool
    computes: str
    seconds: list[float]
    peak_bytes: int
    saved_bytes: int | None
    output_error: float
    gradient_error: float
    dtype: str | None = None

    @property
    def label(self) -> str:
        return _label(self.peer, self.dtype, self.compiled)


@dataclass(frozen=True)
class NotTimed:
    """A peer that was not timed.

    Attributes:
        peer: Its name.
        compiled: Whether it would have run under ``torch.compile``.
        reason: Why it was not timed.
        failed: True if it is installed, but fails or computes other numbers; False if it is not installed.
        dtype: As in :class:`Measurement`.
    """

    peer: str
    compiled: bool
    reason: str
    failed: bool = False
    dtype: str | None = None

    @property
    def label(self) -> str:
        return _label(self.peer, self.dtype, self.compiled)


@dataclass(frozen=True)
class Table:
    """All peers on one workload in one direction.

    Attributes:
        direction: 'forward+backward', 'forward' or 'step'.
        batch_size: Images in a call.
        size: Height and width of the images in pixels.
        mask_ratio: Share of hidden patches that was asked for; None for whole images.
        num_visible: Visible patches of each image; None for whole images.
        num_patches: All patches of each image; None for whole images.
        rows: The peers that were timed; ratios refer to the first.
        missing: Those that were not.
    """

    direction: str
    batch_size: int
    size: int
    mask_ratio: float | None
    num_visible: int | None
    num_patches: int | None
    rows: list[Measurement]
    missing: list[NotTimed]

    @property
    def title(self) -> str:
        words = {
            "forward+backward": "forward and backward",
            "forward": "forward",
            "step": "training step",
        }
        images = f"{self.batch_size} image{'s' if self.batch_size > 1 else ''} of {self.size} x {self.size}"
        seen = f", {self.num_visible} of {self.num_patches} patches visible" if self.num_visible else ""
        return f"{words[self.direction]}, {images}{seen}"

    @property
    def patches(self) -> tuple[int, int]:
        """Visible patches of each image, and all of them.

        Raises:
            ValueError: The images are whole.
        """
        if self.num_visible is None or self.num_patches is None:
            raise ValueError(f"the table {self.title!r} is of whole images, not of patches")
        return self.num_visible, self.num_patches

    def seconds(self, row: Measurement) -> Quartiles:
        return Quartiles.of(row.seconds)

    def images_per_second(self, row: Measurement) -> float:
        return self.batch_size / self.seconds(row).median

    def ratio(self, row: Measurement) -> float:
        """Return how many times longer it takes than the first row: the ratio of the medians."""
        return self.seconds(row).median / self.seconds(self.rows[0]).median

    def paired_ratios(self, row: Measurement) -> Quartiles:
        """Return the ratios to the first row within each round."""
        return Quartiles.of([a / b for a, b in zip(row.seconds, self.rows[0].seconds, strict=True)])


@dataclass(frozen=True)
class Result:
    """A run of the tool.

    Attributes:
        benchmark: 'pretrain', 'backbone' or 'step'.
        command: The command that measured it.
        settings: The arguments of that command.
        machine: Processor, threads, GPU.
        versions: Versions of Python and of the libraries.
        tables: What was measured.
    """

    benchmark: str
    command: str
    settings: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str | None]
    tables: list[Table] = field(default_factory=list)

    @property
    def title(self) -> str:
        where = self.machine["gpu"] or self.machine["cpu"]
        return f"{self.benchmark}: {self.settings['arch']}, {self.settings['dtype']}, {where}"

    @property
    def has_several_ratios(self) -> bool:
        return len({table.mask_ratio for table in self.tables}) > 1

    @property
    def labels(self) -> list[str]:
        """Names of what was timed at least once, in order."""
        return list(dict.fromkeys(row.label for table in self.tables for row in table.rows))

    def write(self, path: Path) -> None:
        """Write the measurements and, beside them, what follows from them."""
        content = asdict(self)
        for table, written in zip(self.tables, content["tables"], strict=True):
            for row, line in zip(table.rows, written["rows"], strict=True):
                line["derived"] = {
                    "seconds": asdict(table.seconds(row)),
                    "images_per_second": table.images_per_second(row),
                    "ratio_to_first": table.ratio(row),
                    "paired_ratios_to_first": asdict(table.paired_ratios(row)),
                }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Result":
        content = json.loads(path.read_text())
        content["tables"] = [_read_table(table) for table in content["tables"]]
        return cls(**content)


def _label(peer: str, dtype: str | None, compiled: bool) -> str:
    return ", ".join([peer, *([dtype] if dtype else []), *(["compiled"] if compiled else [])])


def _read_table(content: dict[str, Any]) -> Table:
    rows: Sequence[dict] = content.pop("rows")
    missing: Sequence[dict] = content.pop("missing")
    for row in rows:
        row.pop("derived")  # it follows from the rest
    return Table(**content, rows=[Measurement(**row) for row in rows], missing=[NotTimed(**one) for one in missing])
