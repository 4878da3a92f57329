"""The walk of the swap on one config of a library."""

import json
from pathlib import Path

from tests.libraries.environment import run_python


def walk(config: str, folder: Path) -> dict[str, str]:
    """What the walk finds out about a config, 'mmpose::...py'."""
    library, _, place = config.partition("::")
    report = folder / "report.json"
    walked = ["--only", f"{library}/{place}", "--processes", "1", "--json", str(report)]
    run_python(library, "-m", "benchmarks.swap", *walked)
    (found,) = json.loads(report.read_text())["configs"]
    return found
