"""Warnings and errors in the logs of a run."""

import re
from dataclasses import dataclass
from pathlib import Path

from cnxv2_mm.run_report.growing_file import GrowingFile
from cnxv2_mm.run_report.run_folders import RunFolders

# mmengine's format: "2026/11/28 18:49:17 - mmengine - WARNING - text"; a text may go on in the next lines.
_LINE = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) - \S+ - (?:\x1b\[\S*m)?(\w+)(?:\x1b\[0m)? - (.*)", re.DOTALL)
# In front of the text of an error: "/where/it/was.py - function - 21 - ".
_PLACE = re.compile(r".+? - [\w<>]+ - \d+ - ")
# What mmengine says in every run, of its own calls and of how metrics are written.
_FOR_DEVELOPERS = ("will be deprecated", "The prefix is not set in metric class")
_LEVELS = ("WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True)
class Message:
    """A warning or an error of the log.

    Attributes:
        time: When it was logged last, as the log has it.
        level: "WARNING" or above.
        text: Its first line.
        count: How often it was logged.
    """

    time: str
    level: str
    text: str
    count: int


class LogMessages:
    """Reads the logs of a run and of those that it goes on from, but for what is of use to developers alone."""

    def __init__(self, folders: RunFolders) -> None:
        self._folders = folders
        self._files: dict[Path, GrowingFile] = {}
        self._messages: dict[str, Message] = {}

    def read(self) -> list[Message]:
        """Return all messages, the newest last, equal ones once."""
        for folder in self._folders.folders:
            file = self._files.setdefault(folder, GrowingFile(folder / f"{folder.name}.log"))
            for line in file.new_lines():
                match = _LINE.match(line)
                if match and match[2] in _LEVELS and not any(part in match[3] for part in _FOR_DEVELOPERS):
                    text = _PLACE.sub("", match[3], count=1) if match[2] != "WARNING" else match[3]
                    earlier = self._messages.pop(text, None)
                    count = 1 if earlier is None else earlier.count + 1
                    self._messages[text] = Message(match[1], match[2], text, count)
        return list(self._messages.values())
