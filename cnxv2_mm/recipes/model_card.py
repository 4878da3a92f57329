"""A model card: ``README.md`` of a run folder, in the form that model hubs show."""

from collections.abc import Iterable, Sequence

from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import Setting
from cnxv2_mm.training.saving import write_whole


def write_model_card(
    folder: RunFolder, title: str, licence: str | None, head: Sequence[str], parts: Sequence[str]
) -> None:
    """Write the card: a head in YAML, which hubs read, the title and the text.

    The licence in the head is the user's to fill in.

    Args:
        folder: The run folder.
        title: The model, for people.
        licence: That of the weights the training started from, in words; None if there were none.
        head: Further lines of the head.
        parts: The text in Markdown, a paragraph, table or block of code each.
    """
    started = f"; the weights it started from: {licence}" if licence else ""
    lines = ["---", f"license: other  # fill in: it depends on your images{started}", "library_name: cnxv2_mm"]
    text = "\n".join([*lines, *head, "---"])
    write_whole(("\n\n".join([text, f"# {title}", *parts]) + "\n").encode(), folder.card)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return a table in Markdown.

    Args:
        columns: Its head.
        rows: The text of each cell.
        numbers: Indices of the columns whose text is aligned to the right.
    """
    rule = "|".join("---:" if index in numbers else "---" for index in range(len(columns)))
    return "\n".join([_row(columns), f"|{rule}|", *map(_row, rows)])


def settings_table(settings: Sequence[Setting]) -> str:
    """Return what was decided as a table in Markdown."""
    return table(("setting", "value", "why"), ((setting.name, setting.value, setting.why) for setting in settings))


def commands(lines: Sequence[str]) -> str:
    """Return commands of a shell as a block of code in Markdown."""
    return "\n".join(["```bash", *lines, "```"])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
