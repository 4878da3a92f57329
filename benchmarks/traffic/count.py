"""Bytes and launches, by the names of operators or kernels."""

from dataclasses import dataclass, field


@dataclass
class Entry:
    """What all calls of one operator, or all launches of alike kernels, come to.

    Attributes:
        bytes: Bytes that they read and write.
        launches: Kernels that they launch.
    """

    bytes: int = 0
    launches: int = 0


@dataclass
class Count:
    """What a pass, forward or backward, comes to.

    Attributes:
        entries: By the name of the operator, or by what a generated kernel computes.
        own_calls: How often each operator of this package was called; what is inside of it is in ``entries``.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    own_calls: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, size: int, launches: int) -> None:
        """Add ``size`` bytes and some launches to what there is under a name."""
        entry = self.entries.setdefault(name, Entry())
        entry.bytes += size
        entry.launches += launches

    def add_own_call(self, name: str) -> None:
        """Note a call of an operator of this package."""
        self.own_calls[name] = self.own_calls.get(name, 0) + 1

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.entries.values())

    @property
    def launches(self) -> int:
        return sum(entry.launches for entry in self.entries.values())

    def largest(self, number: int) -> list[tuple[str, Entry]]:
        """Return the entries with the most bytes, the largest first."""
        return sorted(self.entries.items(), key=lambda item: -item[1].bytes)[:number]
