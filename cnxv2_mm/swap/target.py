"""Writes the new config: never over a file that it inherits from, and over another file only if the user asks to."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.utils import get_installed_path

from cnxv2_mm.config.load import load_config
from cnxv2_mm.swap.new_style import is_new_style
from cnxv2_mm.whole_file import whole_file

_ENDING = ".py"


def check_target(target: Path, base: str, *, overwrite: bool = False) -> None:
    """Refuse a file that cannot be the new config, before anything is swapped.

    Args:
        target: The file to write.
        base: The config that the file will inherit from, or is made of.
        overwrite: Whether an existing file may be replaced.

    Raises:
        FileExistsError: The file exists and may not be replaced.
        ValueError: The file does not end in .py, or is a folder, or is ``base`` or a file that ``base`` inherits from,
            also under another name.
    """
    if target.suffix != _ENDING:
        raise ValueError(f"{str(target)!r} must end in {_ENDING}: the new config is Python.")
    if target.is_dir():
        raise ValueError(f"{str(target)!r} is a folder; name a file in it.")
    if not target.exists():
        return
    if any(source.samefile(target) for source in files_read(load_config(base))):
        raise ValueError(f"{target} would inherit from itself: {base} is it or inherits from it. Choose another file.")
    if not overwrite:
        raise FileExistsError(f"{target} exists; choose another file, or replace it with --overwrite.")


def write_text(text: str, target: Path) -> None:
    """Write a file so that it is never half a file: under another name first. Its folder is made if it is missing.

    If ``target`` is a symbolic link, the file that it points to is written.

    Raises:
        OSError: The file cannot be written.
    """
    try:
        target.resolve().parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OSError(f"{target} cannot be written: {error.strerror}.") from error


def files_read(config: Config) -> set[Path]:
    """Return the file of a config and all files that it inherits from; empty if it was not read from a file."""
    if config.filename is None:
        return set()
    if is_new_style(config):
        return set(_new_style_files(Path(config.filename)))
    # mmengine keeps the text of every file, with its absolute path in the line before it.
    lines = config.text.splitlines()
    return {Path(config.filename), *(Path(line) for line in lines if os.path.isabs(line) and os.path.isfile(line))}


def _new_style_files(file: Path) -> Iterator[Path]:
    yield file
    tree = ast.parse(file.read_text(encoding="utf-8"))
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.With)]  # with read_base():
    for node in (node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)):
        first, *rest = str(node.module).split(".")
        folder, names = (
            (file.absolute().parents[node.level - 1], [first, *rest])
            if node.level
            else (Path(get_installed_path(first)), rest)
        )
        yield from _new_style_files(folder.joinpath(*names).with_suffix(_ENDING))
