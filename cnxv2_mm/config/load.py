"""Loads a config: a file, or one that an installed library ships."""

from pathlib import Path
from typing import Any

from mmengine.config import Config

from cnxv2_mm.command_line import message
from cnxv2_mm.config.check import check_generation, reading_error
from cnxv2_mm.shipped import shipped_folder


def load_config(path: str, options: dict[str, Any] | None = None) -> Config:
    """Read a config and merge the command line's changes.

    Args:
        path: A file, or ``mmdet::retinanet/retinanet_r50_fpn_1x_coco.py`` for a config that ships with a library.
        options: Dotted keys and their new values.

    Raises:
        FileNotFoundError: There is no such file.
        ModuleNotFoundError: The library before ``::`` is not installed.
        ValueError: The file or the options have a mistake; the message names the file, and the line if it is known.
    """
    file = shipped_config(path) if "::" in path else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"config {path!r} does not exist (looked for {file.absolute()}).")
    try:
        config = Config.fromfile(file)
    except Exception as error:  # a config is Python, which can fail in any way
        raise reading_error(error, file) from error
    check_generation(config, file)
    try:
        config.merge_from_dict(options or {})
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"config {file} has no place for the options {options}: {message(error)}") from error
    return config


def shipped_config(path: str) -> Path:
    """Return the file of ``<library>::<file>``.

    Raises:
        ModuleNotFoundError: The library is not installed.
    """
    library, _, file = path.partition("::")
    try:
        return shipped_folder(library) / "configs" / file
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"config {path!r}: {error}") from None
