"""Writes a config as a short file that inherits from another one and states the differences."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap

from mmengine.config import Config

from cnxv2_mm.config.literal import LINE, literal
from cnxv2_mm.config.load import load_config
from cnxv2_mm.swap.differences import differences
from cnxv2_mm.swap.new_style import is_new_style

_NOTE_INDENT = "  "
# Names of configs that mmengine finds by itself. It finds no folder such as mmdet::gn+ws/, and none of mmseg:: of the
# maintained family, because it looks for a package of another name.
_KNOWN_TO_MMENGINE = re.compile(r"(?!mmseg::)\w+::\w+/")


def short_config(config: Config, base: str, folder: Path, notes: Sequence[str]) -> str:
    """Return the text of a file that mmengine, without this package's tools, loads as ``config``.

    If ``base`` is a new-style config, from which no file of the usual kind can inherit, the text states everything.

    Args:
        config: The config to write.
        base: The config to inherit from: a file, or ``mmdet::...`` for one that a library ships.
        folder: The folder where the text will be stored. It inherits from a file by the path from there.
        notes: Sentences for the comment at the beginning, one point for each.

    Raises:
        ValueError: A value cannot be written in a config.
    """
    old = load_config(base)
    if is_new_style(old):
        why = f"{base} is a new-style config, from which no file of the usual kind can inherit"
        notes = [*notes, f"this file states everything, with the full name of each class: {why}"]
        lines, parts = [], config.to_dict()
    else:
        inherited = _inherited(base, folder, by_name=not _collates(old))
        lines, parts = [f"_base_ = {inherited}"], differences(old.to_dict(), config.to_dict())
    first = {key: parts.pop(key) for key in ("custom_imports",) if key in parts}
    points = [
        line
        for note in notes
        for line in wrap(
            note,
            LINE - 4,
            initial_indent="- ",
            subsequent_indent=_NOTE_INDENT,
            break_long_words=False,
            break_on_hyphens=False,  # options and file names stay whole
        )
    ]
    lines = [f"# {line}" for line in points] + lines
    lines += [f"{key} = {literal(value, 0, len(key) + 3)}" for key, value in {**first, **parts}.items()]
    return "".join(f"{line}\n" for line in lines)


def _collates(config: Config) -> bool:
    """Whether a data loader has a function of its own to make batches.

    mmengine adds a ``_scope_`` to what it inherits by a library's name, and calls the function with it.
    """
    loaders = [value for key, value in config.items() if key.endswith("dataloader") and isinstance(value, Mapping)]
    return any(isinstance(loader.get("collate_fn"), Mapping) for loader in loaders)


def _inherited(base: str, folder: Path, by_name: bool) -> str:
    """Return the value of ``_base_`` as Python code, which mmengine evaluates before the rest of the file."""
    library, _, file = base.rpartition("::")
    if not library:
        return literal([Path(os.path.relpath(base, folder)).as_posix()])
    if by_name and _KNOWN_TO_MMENGINE.match(base):
        return literal([base])
    # Python finds the library on any machine; the path that it has here would not hold elsewhere.
    where, name = f'__import__("{library}").__path__[0]', f'"/.mim/configs/{file}"'
    line = f"[{where} + {name}]"
    return line if len(line) + len("_base_ = ") <= LINE else f"[\n    {where}\n    + {name}\n]"
