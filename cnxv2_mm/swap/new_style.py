"""Configs in mmengine's new style (``with read_base()``, classes as types) as configs of the usual kind."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject


def is_new_style(config: Config) -> bool:
    """Whether a file with imports was read, from which no file of the usual kind can inherit."""
    return bool(getattr(config, "_imported_names", None))


def with_type_names(config: Config) -> Config:
    """Return the config with the full name of every class in its place, by which mmengine's registries build it too.

    Args:
        config: Any config; one of the usual kind is returned as it is.

    Raises:
        ValueError: A class or function stands elsewhere than under ``type``, where a name would be taken for a text.
    """
    if not is_new_style(config):
        return config
    others = list(_objects_elsewhere(config._to_lazy_dict(), ""))
    if others:
        raise ValueError(
            f"config {config.filename}: {', '.join(others)} is an imported object, and a file without imports can name "
            "one under 'type' only: start from the library's config of the same name that has '_base_ = ...'."
        )
    plain = Config(config.to_dict(), filename=config.filename)
    if not plain.get("default_scope"):
        # New-style configs need none; hooks and transforms that are named in short do.
        plain.default_scope = str((plain.get("model") or {}).get("type", "mmengine")).partition(".")[0]
    return plain


def _objects_elsewhere(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, LazyObject | LazyAttr):
        if key.rpartition(".")[2] != "type":
            yield key
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _objects_elsewhere(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _objects_elsewhere(item, f"{key}[{i}]")
