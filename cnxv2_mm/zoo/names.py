"""From a name or an address, as a user writes it, to the file that is meant."""

import difflib
import hashlib
import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from cnxv2_mm.command_line import command
from cnxv2_mm.zoo.table import TIMM_NAMES, WEIGHTS
from cnxv2_mm.zoo.weight import SOURCES, File, Weight

_ENDINGS = "pt|pth|bin|safetensors|ckpt|pkl|pickle|tar|zip|json|py|ya?ml|txt"  # of files, and no tags of timm
_NAME = re.compile(rf"(?:\w+:)?convnext(?:v2)?_\w+(?:\.(?!(?:{_ENDINGS})$)\w+)?")
_SHOWN = 3  # names like one that is unknown
# OpenMMLab's file names: <model>_<date>-<first eight digits of the SHA-256>.<ending>
_OPENMMLAB_HASH = re.compile(r"_20\d{6}-([0-9a-f]{8})\.\w+$")
_URL = re.compile(r"[!-~]+")  # printable ASCII without a space


def is_name(text: str) -> bool:
    """Whether a text has the form of a name of the zoo, and is therefore no path.

    Examples are ``convnextv2_tiny_in1k``, ``timm:convnextv2_tiny_in1k`` and ``convnext_tiny.dinov3_lvd1689m``, without
    a folder and without the ending of a file. A misspelt name has this form too; :func:`find_file` then suggests the
    right one.
    """
    return _NAME.fullmatch(text) is not None


def find_weight(name: str) -> Weight:
    """Return the weight that a name stands for; a source before the name is ignored.

    timm's name of a weight of ConvNeXt V2, ``convnextv2_tiny.fcmae``, finds ``convnextv2_tiny_fcmae``.

    Raises:
        ValueError: There is no such weight. The text has similar names.
    """
    bare = name.rpartition(":")[2]
    weight = WEIGHTS.get(bare) or TIMM_NAMES.get(bare)
    if weight is None:
        names = [*WEIGHTS, *TIMM_NAMES]
        longer = [other for other in names if bare and other.startswith(bare)]
        near = longer[:_SHOWN] or difflib.get_close_matches(bare, names, n=_SHOWN)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise ValueError(f"weight {name!r} is unknown; {hint}`{command('zoo')} list` shows them all")
    return weight


def find_file(name_or_url: str) -> File:
    """Return the file that a name or an address stands for.

    Args:
        name_or_url: A name of the zoo, which means the first file of :attr:`Weight.files`, and timm's if the name is
            timm's; a name with a source before it (``mmpretrain:...``); or an http(s) address. For an address of the
            zoo all that is known of its file is returned. For one that ends like OpenMMLab's, the hash is taken from
            the name of the file.

    Raises:
        ValueError: The weight or the source is unknown, the source does not have the weight, or the address is not
            that of a file.
    """
    if "://" in name_or_url:
        return _file_at(name_or_url)
    source, _, name = name_or_url.rpartition(":")
    if source and source not in SOURCES:
        raise ValueError(f"source {source!r} of weight {name_or_url!r} is unknown; choose one of {', '.join(SOURCES)}")
    files = find_weight(name).files
    source = source or ("timm" if name in TIMM_NAMES else next(iter(files)))
    if source not in files:
        raise ValueError(f"{source} has no {name}; choose one of {', '.join(files)}")
    return files[source]


def _file_at(address: str) -> File:
    for weight in WEIGHTS.values():
        for file in weight.files.values():
            if address in (file.address, file.mirror):
                return file
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port  # asking for the port checks it
    except ValueError as error:
        raise ValueError(f"{address!r} is not the http(s) address of a file: {error}") from error
    name = PurePosixPath(unquote(parts.path)).name
    if parts.scheme not in ("http", "https") or not host or name in ("", ".."):
        raise ValueError(f"{address!r} is not the http(s) address of a file")
    if not _URL.fullmatch(address) or not name.isprintable():
        raise ValueError(
            f"{address!r} has characters that an address or a file's name cannot have; write those outside of ASCII, "
            "and spaces, as %.."
        )
    known = _OPENMMLAB_HASH.search(name)
    if known:
        return File(address, name, sha256=known[1])
    # Two servers may each have an epoch_100.pth. A hash of the address in the name keeps the two files apart.
    stem, dot, ending = name.rpartition(".")
    digest = hashlib.sha256(address.encode()).hexdigest()[:8]
    return File(address, f"{stem}.{digest}.{ending}" if dot else f"{name}.{digest}")
