"""The oracle of what is whole is the library that wrote it."""

import gzip
import io
import json
import zipfile

import pytest
import torch

from cnxv2_mm.zoo.checkpoint_format import check_whole, kind_of_file
from cnxv2_mm.zoo.download import find_flaw
from tests.zoo import files

WHOLE = {
    "zip": files.torch_zip(0, 1000),
    "safetensors": files.safetensors(0),
    "pickle": files.torch_legacy(0),
}


@pytest.fixture
def written(tmp_path):
    def write(content: bytes):
        path = tmp_path / "weight.any"
        path.write_bytes(content)
        return path

    return write


def archive(**entries: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, text in entries.items():
            file.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


def table_of_tensors(*spans: tuple[int, int], data: int) -> bytes:
    header = {str(i): {"dtype": "U8", "shape": [b - a], "data_offsets": [a, b]} for i, (a, b) in enumerate(spans)}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_checkpoint_is_known_by_its_bytes(written, kind):
    path = written(WHOLE[kind])
    assert kind_of_file(path) == kind
    check_whole(path)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_old_files_in_any_pickle_protocol(written, protocol):
    path = written(files.torch_legacy(0, protocol))
    assert kind_of_file(path) == "pickle"
    check_whole(path)


@pytest.mark.parametrize(
    ("kind", "content", "told"),
    [
        ("empty", b"", "it is empty"),
        ("HTML", files.WEB_PAGE, "web page"),
        ("HTML", b"\xef\xbb\xbf<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "web page"),
        ("LFS pointer", files.LFS_POINTER, "git lfs pull"),
        ("gzip", gzip.compress(WHOLE["zip"]), "gunzip"),
        ("unknown", b"\x89HDF\r\n\x1a\n and more", r"begins a file with b'\\x89HDF"),
        ("unknown", b"{", "begins a file with"),
        ("pickle", files.plain_pickle(), "torch.save did not write"),
        ("zip", archive(word="a document"), r"has no entry \*/data.pkl"),
        ("zip", archive(a__b__data__pkl="deeper"), r"has no entry \*/data.pkl"),
    ],
)
def test_what_is_no_checkpoint_is_named(written, kind, content, told):
    path = written(content)
    assert kind_of_file(path) == kind
    with pytest.raises(ValueError, match=told) as caught:
        check_whole(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["zip", "safetensors"])
def test_a_cut_file_is_refused(written, kind, kept):
    whole = WHOLE[kind]
    with pytest.raises(ValueError, match="it is cut"):
        check_whole(written(whole[: int(kept * len(whole))]))


def test_bytes_too_many_are_refused(written):
    with pytest.raises(ValueError, match="it is cut or damaged: it has"):
        check_whole(written(WHOLE["safetensors"] + b"more"))


def test_a_flipped_bit_in_a_zip_is_found(written):
    """torch reads it without a word."""
    damaged = bytearray(WHOLE["zip"])
    weight = files.noise(0, 1000)["stem.weight"].numpy().tobytes()
    damaged[damaged.index(weight) + 100] ^= 1
    path = written(bytes(damaged))
    assert torch.load(path, weights_only=True).keys() == files.noise(0, 1000).keys()
    with pytest.raises(ValueError, match=r"the checksum of '.*/data/0' in its zip archive is another"):
        check_whole(path)


@pytest.mark.parametrize("position", range(0, 64, 7))
def test_bits_flipped_in_the_directory_of_a_zip_end_in_one_line_at_most(written, position):
    """Some are in what nobody reads: dates, permissions."""
    damaged = bytearray(WHOLE["zip"])
    damaged[damaged.index(b"PK\x01\x02") + position] ^= 0xFF
    flaw = find_flaw(written(bytes(damaged)), sha256=None) or "it is whole"
    assert flaw.startswith("it is ")
    assert "\n" not in flaw


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (table_of_tensors((0, 4), (8, 12), data=12), "begins at byte 4"),  # a hole
        (table_of_tensors((0, 8), (4, 12), data=12), "begins at byte 8"),  # an overlap
        (table_of_tensors((0, 4), (4, 2), data=4), "begins at byte 4"),
        (table_of_tensors((0, 4), data=3), "it has 71 bytes, and its safetensors header says 72"),
        ((1000).to_bytes(8, "little") + b"{}", "header has 1000 bytes and the file 10"),
        ((2).to_bytes(8, "little") + b"{]", "no table of tensors"),
        ((14).to_bytes(8, "little") + b'{"a": [1, 2] }', "no table of tensors"),
        ((5_000).to_bytes(8, "little") + b'{"a":' + b"[" * 4_995, "no table of tensors"),
    ],
    ids=["hole", "overlap", "backwards", "short", "header cut", "no JSON", "no offsets", "deep"],
)
def test_a_header_that_does_not_agree_is_refused(written, content, told):
    with pytest.raises(ValueError, match=told):
        check_whole(written(content))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        kind_of_file(tmp_path / "none")
