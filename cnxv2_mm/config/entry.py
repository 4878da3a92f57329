"""Entries of a config: dictionaries whose ``type`` names the class to build."""

from collections.abc import Mapping


def type_name(entry: object) -> str:
    """Return the bare name of the class that an entry of a config names.

    Args:
        entry: A dictionary with the key ``type``. Its value is a name, with or without a scope or a module before it
            ('ResNet', 'mmdet.ResNet', 'torch.optim.AdamW'), or the class itself. The value alone is taken too.

    Returns:
        'ResNet'; '' if the entry names no class.
    """
    kind = entry.get("type") if isinstance(entry, Mapping) else entry
    if isinstance(kind, str):
        return kind.rpartition(".")[2]
    return getattr(kind, "__name__", "")
