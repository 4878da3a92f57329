"""The numbers that a run has logged, read when it has ended."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def logged_numbers(work: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of mmengine's ``scalars.json``, oldest first.

    A run that was killed and resumed has several such files, and the last line of one may be cut short: it is left out.

    Args:
        work: The working folder of the run.
    """
    for file in sorted(work.glob("*/vis_data/scalars.json")):
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue
