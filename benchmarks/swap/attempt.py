"""One step of the walk on one config: what it returns, or how it failed."""

import site
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from cnxv2_mm.swap.refusal import tell

P = ParamSpec("P")
T = TypeVar("T")
_MESSAGE_LENGTH = 300


@dataclass(frozen=True)
class Failure:
    """A step that raised.

    Attributes:
        error: What it raised.
    """

    error: Exception

    @property
    def reason(self) -> str:
        """The beginning of the error's text, without this machine's folders."""
        text = tell(self.error)
        for folder in (*site.getsitepackages(), str(Path.home()), str(Path(__file__).parents[2])):
            text = text.replace(f"{folder}/", "")
        return text if len(text) <= _MESSAGE_LENGTH else f"{text[:_MESSAGE_LENGTH]} ..."


def attempt(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Failure:
    """Run a step on a published config.

    A config and the model that it describes can raise anything. Whatever it is, it answers the walk's question.

    Args:
        step: A function.
        args: Its arguments.
        kwargs: Its keyword arguments.

    Returns:
        What the function returns, or a failure with what it raised.
    """
    try:
        return step(*args, **kwargs)
    except Exception as error:
        return Failure(error)
