"""The compiled masks of xtcocotools, where they were built for another numpy.

mmpose reads COCO files with xtcocotools. Its wheels (1.14.3, the last) were built for numpy 1, and its ``_mask`` cannot
be imported beside numpy 2. The rest of it is Python, and works. pycocotools has the same functions, and wheels for any
numpy: its ``_mask`` takes the place of the one that does not load.
"""

import importlib
import importlib.util
import logging
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

NAME = "xtcocotools._mask"
SOURCE = "pycocotools._mask"

_log = logging.getLogger(__name__)


class MasksFinder(MetaPathFinder):
    """Finds xtcocotools' own compiled masks, and has them loaded by :class:`MasksLoader`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        compiled = PathFinder.find_spec(fullname, path) if fullname == NAME else None
        return None if compiled is None else ModuleSpec(NAME, MasksLoader(compiled), origin=compiled.origin)


class MasksLoader(Loader):
    """Loads a compiled module, or the functions of pycocotools where it does not load.

    Args:
        compiled: Where the compiled module is.
    """

    def __init__(self, compiled: ModuleSpec) -> None:
        self.compiled = compiled

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        try:
            module = importlib.util.module_from_spec(self.compiled)
            self.compiled.loader.exec_module(module)  # type: ignore[union-attr]  # a file that was found has a loader
        except (ImportError, ValueError) as error:  # what a module for another numpy raises
            return _from_pycocotools(error)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to execute: the module is complete when it is made."""


def _from_pycocotools(error: Exception) -> ModuleType:
    """Return a module of its own with pycocotools' functions, and say so in the log.

    Raises:
        Exception: ``error``, why xtcocotools' module does not load, if pycocotools is not there.
    """
    try:
        masks = importlib.import_module(SOURCE)
    except ImportError:
        raise error from None
    _log.warning(
        "%s does not load (%s); its functions are those of %s, which are the same. It was built for numpy 1.",
        NAME,
        " ".join(str(error).split()),
        SOURCE,
    )
    module = ModuleType(NAME, masks.__doc__)
    vars(module).update({name: value for name, value in vars(masks).items() if not name.startswith("__")})
    return module


def install() -> None:
    """Be ready for an xtcocotools whose compiled part does not load. It may be called any number of times.

    Nothing is imported before somebody imports xtcocotools.
    """
    if not any(isinstance(finder, MasksFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, MasksFinder())
