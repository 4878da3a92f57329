"""Configs and tools that an installed OpenMMLab library brings along, in its folder ``.mim``; ours too."""

from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

PACKAGE = "cnxv2_mm"
_get_cfg_path = Config._get_cfg_path  # mmengine's own, before it is told


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

    mmengine has a table of the libraries that it knows. We are not in it, and mmseg's entry is the name of its original
    package: the maintained one is called onedl-mmsegmentation.

    mmengine marks what is inherited as ``mmdet::...`` with ``_scope_='mmdet'``: types without a prefix are mmdet's. In
    our configs they are those of the config's ``default_scope``, and ours have a prefix. So ours get no mark.
    """
    MODULE2PACKAGE[PACKAGE] = PACKAGE
    MODULE2PACKAGE["mmseg"] = "mmseg"
    Config._get_cfg_path = staticmethod(_path_and_scope)


def _path_and_scope(cfg_path: str, filename: str) -> tuple[str, str | None]:
    path, scope = _get_cfg_path(cfg_path, filename)
    return path, None if scope == PACKAGE else scope
