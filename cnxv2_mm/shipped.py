"""Configs and tools that an installed OpenMMLab library brings along, in its folder ``.mim``; ours too."""

import warnings
from importlib.util import find_spec
from pathlib import Path

from mmengine.config.config import Config
from mmengine.config.utils import MODULE2PACKAGE

PACKAGE = "cnxv2_mm"
_get_cfg_path = Config._get_cfg_path  # mmengine's own, before it is told of us


def shipped_folder(library: str) -> Path:
    """Return the folder with ``configs/`` and ``tools/`` of a library; ours is the checkout if we were not installed.

    Args:
        library: Name that Python imports it by, such as 'mmdet'.

    Raises:
        ModuleNotFoundError: The library is not installed.
    """
    spec = find_spec(library) if library.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{library!r} is not installed; install it or give a file")
    package = Path(spec.submodule_search_locations[0])
    if library == PACKAGE and not (package / ".mim").is_dir():
        return package.parent
    return package / ".mim"


def tell_mmengine() -> None:
    """Let mmengine find and build configs that are named ``cnxv2_mm::...`` and ``mmseg::...``.

    mmengine reads such names by a table of the libraries that it knows. We are not in it, and mmseg's entry is the name
    of its original package: the maintained one is called onedl-mmsegmentation.
    """
    MODULE2PACKAGE[PACKAGE] = PACKAGE
    MODULE2PACKAGE["mmseg"] = "mmseg"
    Config._get_cfg_path = staticmethod(_file_and_scope)
    # Our index names no config for a weight, since mmengine would load it by its own names. It warns of each such one.
    warnings.filterwarnings("ignore", r"There is not `Config` define in \{'Name': 'convnextv2_")


def _file_and_scope(path: str, inheriting: str) -> tuple[str, str | None]:
    """Return where an inherited config is, and whose types are meant in it where they have no prefix.

    mmengine reads ``mmdet::...`` as mmdet's types. In our configs they are those of the config's ``default_scope``, and
    our own types have a prefix: nobody's in particular.
    """
    library, separator, name = path.partition("::")
    if separator and library == PACKAGE:
        return str(shipped_folder(PACKAGE) / "configs" / name), None
    return _get_cfg_path(path, inheriting)
