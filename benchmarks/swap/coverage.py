"""The file with everything that walks found, and the page that shows it.

Not every library can be walked in one environment: mmyolo wants an older mmcv than the others are tested with. So a
walk may replace what an earlier one found out about the same libraries, and leave the rest.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path

from benchmarks.swap.outcome import Outcome
from benchmarks.swap.published import LIBRARIES, importable, library_of
from benchmarks.swap.report import COLUMNS, cells, headline, rows_of

_PACKAGES = ("torch", "mmengine", "mmcv")


@dataclass(frozen=True)
class Walk:
    """A walk over all configs of some libraries.

    Attributes:
        libraries: Their names.
        command: The command.
        minutes: How long it took.
        versions: Versions of Python and of the packages that were there.
    """

    libraries: tuple[str, ...]
    command: str
    minutes: float
    versions: dict[str, str]


@dataclass(frozen=True)
class Coverage:
    """What is known of all configs.

    Attributes:
        walks: The walks that found it out, each about other libraries.
        outcomes: One outcome for each config.
    """

    walks: tuple[Walk, ...]
    outcomes: tuple[Outcome, ...]

    def updated(self, later: "Coverage") -> "Coverage":
        """Return the coverage with what later walks found in the place of what was known of their libraries.

        The order is that of the libraries, whichever was walked last.
        """
        again = {library for walk in later.walks for library in walk.libraries}
        rest = (replace(walk, libraries=tuple(x for x in walk.libraries if x not in again)) for walk in self.walks)
        kept = (outcome for outcome in self.outcomes if library_of(outcome.config) not in again)
        walks = [*(walk for walk in rest if walk.libraries), *later.walks]
        outcomes = [*kept, *later.outcomes]
        return Coverage(
            tuple(sorted(walks, key=lambda walk: LIBRARIES.index(walk.libraries[0]))),
            tuple(sorted(outcomes, key=lambda outcome: LIBRARIES.index(library_of(outcome.config)))),
        )


def covered_now(outcomes: Sequence[Outcome], command: str, seconds: float) -> Coverage:
    """Return the coverage by one walk, made here."""
    libraries = tuple(dict.fromkeys(library_of(outcome.config) for outcome in outcomes))
    versions = {"python": platform.python_version()} | {name: import_module(name).__version__ for name in _PACKAGES}
    walk = Walk(libraries, command, round(seconds / 60, 1), versions | importable())
    return Coverage((walk,), tuple(outcomes))


def read_json(path: Path) -> Coverage:
    """Read what :func:`write_json` wrote."""
    report = json.loads(path.read_text())
    walks = (Walk(**{**walk, "libraries": tuple(walk["libraries"])}) for walk in report["walks"])
    return Coverage(tuple(walks), tuple(Outcome(**outcome) for outcome in report["configs"]))


def write_json(path: Path, coverage: Coverage) -> None:
    """Write everything: walks, families, and what is known of each config."""
    report = {
        "walks": [asdict(walk) for walk in coverage.walks],
        "families": [asdict(row) for row in rows_of(coverage.outcomes)],
        "configs": [asdict(outcome) for outcome in coverage.outcomes],
    }
    path.write_text(json.dumps(report, indent=1) + "\n")


def write_markdown(path: Path, coverage: Coverage) -> None:
    """Write the page: what each walk found in words, and the table of all families."""
    lines = ["# Coverage of the swap", ""]
    for walk in coverage.walks:
        about = [outcome for outcome in coverage.outcomes if library_of(outcome.config) in walk.libraries]
        versions = ", ".join(f"{name} {number}" for name, number in walk.versions.items())
        lines += [
            f"{', '.join(walk.libraries)}: {headline(about)}",
            "",
            f"`{walk.command}`: {walk.minutes:.0f} minutes; {versions}.",
            "",
        ]
    lines += [
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(cell.replace('|', '/') for cell in cells(row))} |" for row in rows_of(coverage.outcomes)),
        "",
    ]
    path.write_text("\n".join(lines))
