"""What a recipe chose for a run, and why: the file ``settings.json`` beside the page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "settings.json"


@dataclass(frozen=True)
class Settings:
    """The content of the file; all of it may be missing.

    Attributes:
        task: "pretrain", "detect", "segment" or "classify".
        command: The command that started the run.
        settings: (name, value, why) of each.
        machine: What the run is computed on.
        versions: Of the packages.
        next: The exact commands that come next.
    """

    task: str | None = None
    command: str | None = None
    settings: Sequence[tuple[str, str, str]] = ()
    machine: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    next: Sequence[str] = ()


def read_settings(folder: Path) -> Settings:
    """Read the file of a folder; a folder without one has no settings.

    Raises:
        ValueError: The file is not of this form.
    """
    path = folder / NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except ValueError as error:
        raise ValueError(f"{path} is not a JSON file: {error}") from error
    try:
        return Settings(
            task=content.get("task"),
            command=content.get("command"),
            settings=[
                (str(row["name"]), _text(row["value"]), _text(row.get("why"))) for row in content.get("settings", [])
            ],
            machine={str(name): _text(value) for name, value in content.get("machine", {}).items()},
            versions={str(name): _text(value) for name, value in content.get("versions", {}).items()},
            next=[str(command) for command in content.get("next", [])],
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'{path} must have the form {{"settings": [{{"name", "value", "why"}}], ...}}') from error


def _text(value: Any) -> str:
    """Return a value for people."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
