"""What kind of checkpoint a file is and whether it is complete: by its content, before any object in it is built.

Sources: PKZIP's APPNOTE.TXT, as :mod:`zipfile` reads it; https://github.com/huggingface/safetensors#format; the magic
number in ``torch/serialization.py``; https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
"""

import json
import pickletools
from enum import Enum
from pathlib import Path
from zipfile import ZipFile, is_zipfile

import torch

_FIX = "download it or save it again"
_CHUNK = 1 << 20
_MOST_UNPACKED = 10  # times the size of the archive; torch.save packs nothing, and numbers pack badly
_LONGEST_HEADER = 100_000_000  # bytes, of safetensors
_LARGEST_INDEX = 100_000_000  # bytes
_SHOWN = 3


class Kind(Enum):
    """Kinds of checkpoint files, by the function that writes them."""

    ARCHIVE = "torch.save"
    PICKLE = "torch.save before 1.6"
    SAFETENSORS = "safetensors"


def recognise(path: Path) -> Kind:
    """Return the kind of a checkpoint file, and refuse a damaged file or one that is no checkpoint.

    Checked are the structure, the checksums and the unpacked size of an archive, and the length that a safetensors file
    should have. The checksums take a third of a second for a gigabyte, about half of the time in which PyTorch reads
    the file. Other kinds than archives have no checksums.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is damaged or no checkpoint. The text says what it is and what to do; the caller puts the name of
            the file before it.
    """
    with path.open("rb") as file:
        start = file.read(1024)
    if not start:
        raise ValueError(f"is empty; {_FIX}")
    if start.startswith(b"PK\x03\x04"):
        if problem := _problem_of_archive(path):
            raise ValueError(problem)
        return Kind.ARCHIVE
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return Kind.PICKLE
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= _LONGEST_HEADER:
        if problem := _problem_of_safetensors(path):
            raise ValueError(f"is damaged ({problem}); {_FIX}")
        return Kind.SAFETENSORS
    raise ValueError(_describe_stranger(path, start))


def begins_as_torch_pickle(path: Path) -> bool:
    """Whether a file of :attr:`Kind.PICKLE` was begun by ``torch.save``; ``torch.load`` reads no other pickles."""
    with path.open("rb") as file:
        return torch.serialization.MAGIC_NUMBER.to_bytes(10, "little") in file.read(32)


def is_whole_pickle(path: Path) -> bool:
    """Whether a file of :attr:`Kind.PICKLE` is complete and valid as a pickle, the numbers of its tensors aside.

    It separates damage from danger. If the restricted unpickler refuses a valid pickle, the pickle holds more than
    tensors.
    """
    with path.open("rb") as file:
        try:
            # Before 1.6 torch.save wrote four pickles: this number, a version, facts about the system, and the object.
            of_torch = False
            for _, argument, _ in pickletools.genops(file):
                of_torch |= argument == torch.serialization.MAGIC_NUMBER
            for _ in range(3 if of_torch else 0):
                for _ in pickletools.genops(file):
                    pass
        except (ValueError, MemoryError):  # the latter: a damaged length
            return False
    return True


def _problem_of_archive(path: Path) -> str | None:
    try:
        if not is_zipfile(path):
            return f"is damaged (it begins like a zip archive and does not end like one: it was cut short); {_FIX}"
        with ZipFile(path) as archive:
            return _problem_of_entries(archive, path.stat().st_size)
    except Exception as error:  # damaged bytes make zipfile fail in any way; a wrong checksum comes with its entry
        return f"is damaged ({error}); {_FIX}"


def _problem_of_entries(archive: ZipFile, size: int) -> str | None:
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > _MOST_UNPACKED * size:
        return (
            f"has {size / 1e6:.3g} MB and claims to unpack to {unpacked / 1e6:.3g} MB, more than {_MOST_UNPACKED} "
            f"times as much: it is damaged, or made to fill the memory; {_FIX}"
        )
    for entry in entries:
        if entry.CRC:  # 0: torch.save was asked not to compute it
            with archive.open(entry) as content:
                while content.read(_CHUNK):
                    pass
    names = [entry.filename for entry in entries]
    if not any(name.endswith("/data.pkl") for name in names):
        shown = ", ".join(f"{name!r:.60}" for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        return f"is a zip archive, but not one of torch.save (it holds {shown}); unpack it and name the file in it"
    if any(name.endswith("/constants.pkl") for name in names):
        return "is a program of TorchScript, not a checkpoint; save the state_dict of its module with torch.save"
    return None


def _problem_of_safetensors(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length)
    if len(header) < length:
        return f"it was cut short: its safetensors header has {length} bytes and the file {size}"
    try:
        tensors = [value for name, value in json.loads(header).items() if name != "__metadata__"]
        spans = sorted((int(begin), int(end)) for begin, end in (tensor["data_offsets"] for tensor in tensors))
    except Exception:  # any JSON may stand there
        return "its safetensors header is no table of tensors"
    end = 0
    for span in spans:
        if span[0] != end or span[1] < end:
            return f"no tensor of its safetensors header begins at byte {end} of the data"
        end = span[1]
    if size != 8 + length + end:
        return f"it has {size} bytes, and its safetensors header says {8 + length + end}"
    return None


def _describe_stranger(path: Path, start: bytes) -> str:
    """Return what a file is that begins like no checkpoint."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"\x1f\x8b"):
        return "is compressed (gzip); unpack it with gunzip"
    if text.startswith(b"<"):
        return (
            "is a web page, not a checkpoint: its address asks for a login, or shows the file instead of sending it; "
            "download the file itself"
        )
    if text.startswith(b"version https://git-lfs"):
        return (
            "is a pointer of git-LFS in the place of the checkpoint: run `git lfs pull` in its repository, or "
            "download the file itself"
        )
    if text.startswith(b"{"):
        return _describe_json(path)
    return (
        f"is damaged or no checkpoint (it begins with {start[:8]!r}, as no file of torch.save or safetensors does); "
        f"{_FIX}"
    )


def _describe_json(path: Path) -> str:
    try:
        content = json.loads(path.read_bytes()) if path.stat().st_size <= _LARGEST_INDEX else None
    except (ValueError, RecursionError):
        content = None
    parts = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(parts, dict):
        return "is JSON text, such as a configuration, not a checkpoint; name the file with the weights"
    files = sorted({str(name) for name in parts.values()})
    shown = ", ".join(f"{name!r:.60}" for name in files[:_SHOWN]) + (", ..." if len(files) > _SHOWN else "")
    return (
        f"is the index of a checkpoint in {len(files)} files ({shown}) and holds no weights; save the model in one "
        "file, in transformers with save_pretrained(folder, max_shard_size='100GB'), or name the index, with its files "
        "in its folder, in an init_cfg of type 'cnxv2_mm.Pretrained'"
    )
