"""Why a config cannot be swapped, and what to do by hand."""

import traceback


class SwapRefused(ValueError):
    """A config whose backbone ConvNeXt V2 cannot replace; nothing was changed.

    Args:
        kind: A short key, the same for all configs refused for the same cause: what a table groups by.
        reason: One sentence that names what was found.
        by_hand: How to get there without the command, or None if there is no way.

    Attributes:
        kind, reason, by_hand: As given.
    """

    def __init__(self, kind: str, reason: str, by_hand: str | None = None) -> None:
        super().__init__(reason if by_hand is None else f"{reason} By hand: {by_hand}")
        self.kind = kind
        self.reason = reason
        self.by_hand = by_hand


def tell(error: BaseException) -> str:
    """Return an error in one line: its class and text, or the line of code that raised it if it has no text."""
    text = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    if not text and frames:
        text = f"{frames[-1].line} (line {frames[-1].lineno} of {frames[-1].filename})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
