"""The part of ``benchmarks/README.md`` that is written from ``benchmarks/gpu_traffic.json``."""

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import begin, describe, markdown_table, write_between

BEGIN = begin("python -m benchmarks.traffic")
RESULTS = "gpu_traffic.json"
HEADINGS = ("images", "layout", "mode", "MB an image", "forward", "backward", "launches", "questions to the device")


def write_table(page: str, document: Mapping[str, Any]) -> str:
    """Return the page with the table of a results document between its markers.

    Raises:
        ValueError: The page does not have the two markers, once each and in order.
    """
    return write_between(page, BEGIN, render(document))


def render(document: Mapping[str, Any]) -> str:
    """Return command, versions and the table as Markdown."""
    parts = [
        "## GPU: computed traffic, nothing was run",
        f"```bash\n{document['command']}\n```",
        f"{describe({}, document['versions']).removeprefix('. ')}. Compute capability {document['capability']}, "
        f"bfloat16 autocast. All rows took {document['seconds'] / 60:.0f} minutes on one core.",
    ]
    for title, rows in _groups(document["rows"]).items():
        parts.append(f"**{title}**\n\n{markdown_table(HEADINGS, rows, numbers=True)}")
    return "\n\n".join(parts) + "\n"


def _groups(rows: list[dict[str, Any]]) -> dict[str, list[tuple[str, ...]]]:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in rows:
        groups.setdefault(f"{row['part'].capitalize()}, {row['arch']}", []).append(_cells(row))
    return groups


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    passes = [row["forward"], row["backward"]]
    megabytes = [sum(one["bytes_an_image"] for one in which) / 1e6 for which in (passes, passes[:1], passes[1:])]
    return (
        f"{row['images']} of {row['size']}",
        row["layout"],
        row["mode"],
        *(f"{number:.1f}" if number < 1000 else f"{number:.0f}" for number in megabytes),
        str(sum(one["launches"] for one in passes)),
        row["host_question"] or "none",
    )
