"""A config as a short file that inherits from another one and states what is different."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from mmengine.config import Config

from cnxv2_mm.runner_config import load_config, shipped_config
from cnxv2_mm.swap.differences import differences
from cnxv2_mm.swap.literal import LINE, literal

_NOTE_INDENT = "  "
# mmengine does not know a folder such as mmdet::gn+ws/; configs there are inherited by their path.
_INHERITABLE = re.compile(r"\w+::\w+/")


def short_config(config: Config, base: str, folder: Path, notes: Sequence[str]) -> str:
    """The text of a file that mmengine loads as ``config``.

    Args:
        config: What is wanted.
        base: The config to inherit from: a file, or ``mmdet::...`` for one that a library ships.
        folder: Where the text will be stored; a file is inherited by its path from there.
        notes: What the first lines say, a point for each.

    Raises:
        ValueError: A value cannot be written in a config.
    """
    inherited = base
    if not _INHERITABLE.match(base):
        file = shipped_config(base) if "::" in base else base
        inherited = Path(os.path.relpath(file, folder)).as_posix()
    changed = differences(load_config(base).to_dict(), config.to_dict())
    first = {key: changed.pop(key) for key in ("custom_imports",) if key in changed}
    parts = {"_base_": [inherited], **first, **changed}
    points = [
        line
        for note in notes
        for line in wrap(note, LINE - 4, initial_indent="- ", subsequent_indent=_NOTE_INDENT, break_long_words=False)
    ]
    header = "".join(f"# {line}\n" for line in points)
    return header + "".join(f"{key} = {literal(value, 0, len(key) + 3)}\n" for key, value in parts.items())
