"""pycocotools prints forty lines for each validation. Its numbers are in the log and on the terminal without them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_coco() -> Iterator[None]:
    """Let pycocotools, where it is installed, print nothing inside of the block."""
    modules: tuple[Any, ...]
    try:
        from pycocotools import coco, cocoeval
    except ImportError:
        modules = ()
    else:
        modules = (coco, cocoeval)
    for module in modules:
        module.print = lambda *args, **kwargs: None  # a module's own name comes before the built-in function
    try:
        yield
    finally:
        for module in modules:
            del module.print
