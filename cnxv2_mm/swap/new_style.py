"""Turns configs in mmengine's new style (``with read_base()``, classes as types) into configs of the usual kind."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject


def is_new_style(config: Config) -> bool:
    """Whether a config is in the new style, from which no file of the usual kind can inherit."""
    return bool(getattr(config, "_imported_names", None))


def with_type_names(config: Config) -> Config:
    """Return a config that has the full name of every class instead of the class; mmengine's registries know both.

    Args:
        config: Any config. One of the usual kind is returned as it is.

    Raises:
        ValueError: A class or function is the value of another key than ``type``, where a name would be a mere text.
    """
    if not is_new_style(config):
        return config
    others = list(_objects_elsewhere(config._to_lazy_dict(), ""))
    if others:
        raise ValueError(
            f"config {config.filename}: {', '.join(others)} is an imported object, but a file without imports can name "
            "one under the key 'type' only: start from the library's config of the same name that has '_base_ = ...'."
        )
    plain = Config(config.to_dict(), filename=config.filename)
    if not plain.get("default_scope"):
        # New-style configs need no default scope; hooks and transforms with short names do.
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
