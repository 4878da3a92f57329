"""The error that says why a config cannot be swapped, and what its user can do by hand."""

import traceback


class SwapRefused(ValueError):
    """ConvNeXt V2 cannot replace the backbone of this config; nothing was changed.

    Args:
        kind: A short key for the cause, the same for all configs with this cause.
        reason: A sentence that says what was found in the config.
        by_hand: What the user can do instead, or None if there is no way.

    Attributes:
        kind, reason, by_hand: As given.
    """

    def __init__(self, kind: str, reason: str, by_hand: str | None = None) -> None:
        super().__init__(reason if by_hand is None else f"{reason} By hand: {by_hand}")
        self.kind = kind
        self.reason = reason
        self.by_hand = by_hand


def tell(error: BaseException) -> str:
    """Return one line about an error: its class and its text, or if it has no text, the line of code that raised it."""
    text = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    if not text and frames:
        text = f"{frames[-1].line} (line {frames[-1].lineno} of {frames[-1].filename})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
