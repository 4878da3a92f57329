"""What kind of file a checkpoint is, told by its bytes, and whether all of it is there. Nothing in a file is run.

Sources: PKZIP's APPNOTE.TXT, as :mod:`zipfile` reads it; the format of safetensors,
https://github.com/huggingface/safetensors#format; the magic number in ``torch/serialization.py``, which begins what
``torch.save`` wrote before torch 1.6; https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
"""

import json
import zipfile
from pathlib import Path
from typing import Literal

Kind = Literal["zip", "safetensors", "pickle", "HTML", "LFS pointer", "gzip", "empty", "unknown"]

_BEGINNING = 512  # bytes that tell the kind
_LONGEST_HEADER = 100_000_000  # of a safetensors file, by its library
_LEGACY_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")  # within the first pickle of the file
_PICKLES = tuple(bytes((0x80, protocol)) for protocol in (2, 3, 4, 5))
_ENTRY = "/data.pkl"  # what torch.save writes, in the one folder of its archive


def kind_of_file(path: Path) -> Kind:
    """The kind of a file by its first bytes, whatever its name is.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING)
    if not beginning:
        return "empty"
    # Before the others: the first eight bytes are a length and may look like anything.
    if beginning[8:9] == b"{" and int.from_bytes(beginning[:8], "little") <= _LONGEST_HEADER:
        return "safetensors"
    if beginning.startswith(b"PK\x03\x04"):
        return "zip"
    if beginning.startswith(_PICKLES):
        return "pickle"
    if beginning.startswith(b"\x1f\x8b"):
        return "gzip"
    if beginning.startswith(b"version https://git-lfs"):
        return "LFS pointer"
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")):
        return "HTML"
    return "unknown"


def check_whole(path: Path) -> None:
    """Refuses what is no checkpoint, and checkpoints of which a part is missing or altered as far as they tell.

    Archives of ``torch.save`` have a checksum for each entry, safetensors files say how long they are. The format
    before torch 1.6 has neither: only its beginning is looked at.

    Args:
        path: A file under any name.

    Raises:
        OSError: It cannot be read.
        ValueError: What is wrong, as a sentence about "it".
    """
    kind = kind_of_file(path)
    if kind == "zip":
        _check_zip(path)
    elif kind == "safetensors":
        _check_safetensors(path)
    elif kind == "pickle":
        with path.open("rb") as file:
            if _LEGACY_MAGIC not in file.read(32):
                raise ValueError("it is a pickle that torch.save did not write, no checkpoint")
    elif kind == "empty":
        raise ValueError("it is empty")
    elif kind == "HTML":
        raise ValueError("it is a web page (HTML), no checkpoint; often one that asks to log in or to accept terms")
    elif kind == "LFS pointer":
        raise ValueError("it is a pointer of Git LFS to a checkpoint, not the checkpoint: run `git lfs pull` there")
    elif kind == "gzip":
        raise ValueError("it is compressed (gzip); unpack it with gunzip")
    else:
        with path.open("rb") as file:
            beginning = file.read(8)
        raise ValueError(f"it is no checkpoint: neither torch.save nor safetensors begins a file with {beginning!r}")


def _check_zip(path: Path) -> None:
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
                damaged = archive.testzip()  # reads everything, a piece at a time
        except Exception as error:  # damaged bytes make it fail in any way
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            raise ValueError(f"it is cut or damaged: its zip archive cannot be read ({reason})") from error
    if damaged is not None:
        raise ValueError(f"it is damaged: the checksum of {damaged!r} in its zip archive is another")
    if not any(name.endswith(_ENTRY) and name.count("/") == 1 for name in names):
        raise ValueError(f"it is a zip archive that torch.save did not write: it has no entry *{_ENTRY}")


def _check_safetensors(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length)
    if len(header) < length:
        raise ValueError(f"it is cut: its safetensors header has {length} bytes and the file {size}")
    try:
        tensors = [value for name, value in json.loads(header).items() if name != "__metadata__"]
        spans = sorted((int(begin), int(end)) for begin, end in (tensor["data_offsets"] for tensor in tensors))
    except Exception as error:  # any JSON may stand there
        raise ValueError("it is damaged: its safetensors header is no table of tensors") from error
    end = 0
    for span in spans:
        if span[0] != end or span[1] < end:
            raise ValueError(f"it is damaged: no tensor of its safetensors header begins at byte {end} of the data")
        end = span[1]
    if size != 8 + length + end:
        raise ValueError(
            f"it is cut or damaged: it has {size} bytes, and its safetensors header says {8 + length + end}"
        )
