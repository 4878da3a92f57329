"""Pages of Markdown of which a command writes one part: the lines between two markers, tables, machine and versions."""

import re
from collections.abc import Mapping, Sequence

BEGINNING = "<!-- Written by "
END = "<!-- End of what the command writes. -->"


def begin(command: str) -> str:
    """Return the marker above what a command writes."""
    return f"{BEGINNING}`{command}`; do not edit between these lines. -->"


def write_between(page: str, marker: str, text: str) -> str:
    """Return the page with a text between a marker of :func:`begin` and the :data:`END` that follows.

    Other parts of the page may be between other markers.

    Raises:
        ValueError: The page does not have the marker once, or not one :data:`END` behind it and before the next marker.
    """
    before, _, rest = page.partition(marker)
    _, _, after = rest.partition(END)
    pairs = re.findall(f"{re.escape(BEGINNING)}|{re.escape(END)}", page)
    if page.count(marker) != 1 or pairs != [BEGINNING, END] * (len(pairs) // 2):
        raise ValueError(f"the page must have these two lines, once each:\n{marker}\n{END}")
    return f"{before}{marker}\n\n{text}\n{END}{after}"


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = False) -> str:
    """Return a table; ``numbers`` aligns all columns but the first to the right."""
    aligned = ["---", *["---:" if numbers else "---"] * (len(headings) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, aligned, *rows))


def describe(machine: Mapping[str, str | int | None], versions: Mapping[str, str | None]) -> str:
    """Return machine and versions (``benchmarks.speed.environment``) in a line."""
    which = ", ".join(f"{what} {version}" for what, version in versions.items() if version)
    what_ran = ", ".join(f"{what.replace('_', ' ')}: {value}" for what, value in machine.items() if value)
    return f"{what_ran}. {which}"
