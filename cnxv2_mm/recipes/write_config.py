"""The text of a config: what it inherits from, and sections that each say why they are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from cnxv2_mm.config.literal import LINE, literal


@dataclass(frozen=True)
class Section:
    """Some values of a config that belong together.

    Attributes:
        why: The comment above them: one line or more, without the sign of a comment.
        values: The config's names and their values: dictionaries, lists, tuples, strings, numbers, None.
    """

    why: str
    values: Mapping[str, Any]


def config_text(description: str, base: Sequence[str], sections: Sequence[Section]) -> str:
    """Return the text of a config that mmengine reads.

    Args:
        description: What the config trains, for the comment at the beginning; may have several lines.
        base: Names of the configs to inherit from, such as ``cnxv2_mm::fcmae/folder.py``.
        sections: What differs from them.

    Raises:
        ValueError: A value cannot be written in a config, or two sections have the same name.
    """
    names = [name for section in sections for name in section.values]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the config has {', '.join(twice)} twice: a name belongs to one section")
    lines = [*_comment(description), f"_base_ = {literal(list(base), 0, len('_base_ = '))}"]
    for section in sections:
        lines += ["", *_comment(section.why)]
        lines += [f"{name} = {literal(value, 0, len(name) + 3)}" for name, value in section.values.items()]
    return "".join(f"{line}\n" for line in lines)


def _comment(text: str) -> list[str]:
    """Return a text as lines of a comment. A name with odd characters in it cannot leave the comment."""
    return [
        f"# {line}"
        for paragraph in text.splitlines()
        for line in wrap(paragraph, LINE - 2, break_long_words=False, break_on_hyphens=False)
    ]
