"""Files that are no checkpoint, or no longer one: each is told for what it is, and before PyTorch reads it."""

import gzip
import json
import pickle
import random
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from cnxv2_mm.checkpoints.files import read_tensors
from cnxv2_mm.zoo.checkpoint_format import Kind, begins_as_torch_pickle, is_whole_pickle, recognise

TENSORS = {"a.weight": torch.arange(600.0).view(2, 300), "a.bias": torch.ones(2)}


def save(kind, path, tensors=TENSORS):
    if kind is Kind.SAFETENSORS:
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind is Kind.ARCHIVE)
    return path


def repack(path, compression, change=lambda name, content: content):
    """Writes the entries of an archive anew, with the checksums that they then have."""
    with zipfile.ZipFile(path) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", compression) as new:
        for name, content in entries.items():
            new.writestr(name, change(name, content))


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_told_by_its_bytes(kind, tmp_path):
    assert recognise(save(kind, tmp_path / "file")) is kind


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_damaged(share, kind, tmp_path):
    path = save(kind, tmp_path / "file.pth")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"file\.pth' is (empty|damaged).*; download it or save it again"):
        read_tensors(path)


def test_a_flipped_bit_of_an_archive_is_found_or_changes_nothing(tmp_path):
    """Somewhere in the file, and never is it said that a damaged file could run code."""
    path = save(Kind.ARCHIVE, tmp_path / "file.pth")
    whole = path.read_bytes()
    draw = random.Random(0)
    messages = []
    for _ in range(300):
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        try:
            tensors, _ = read_tensors(path)
        except ValueError as error:
            messages.append(str(error))
        else:
            assert tensors.keys() == TENSORS.keys()
            assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert len(messages) > 100  # most of the bytes are numbers
    assert [
        message for message in messages if "could run code" in message or "download it or save it again" not in message
    ] == []


def table_of_tensors(*spans, data):
    header = {str(i): {"dtype": "U8", "shape": [b - a], "data_offsets": [a, b]} for i, (a, b) in enumerate(spans)}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (table_of_tensors((0, 4), (8, 12), data=12), "begins at byte 4"),  # a hole
        (table_of_tensors((0, 8), (4, 12), data=12), "begins at byte 8"),  # an overlap
        (table_of_tensors((0, 4), (4, 2), data=4), "begins at byte 4"),
        (table_of_tensors((0, 4), data=3), "it has 71 bytes, and its safetensors header says 72"),
        (table_of_tensors((0, 4), data=5), "it has 73 bytes, and its safetensors header says 72"),
        ((1000).to_bytes(8, "little") + b"{}", "header has 1000 bytes and the file 10"),
        ((2).to_bytes(8, "little") + b"{]", "no table of tensors"),
        ((14).to_bytes(8, "little") + b'{"a": [1, 2] }', "no table of tensors"),
        ((5_000).to_bytes(8, "little") + b'{"a":' + b"[" * 4_995, "no table of tensors"),
    ],
    ids=["hole", "overlap", "backwards", "short", "long", "header cut", "no JSON", "no offsets", "deep"],
)
def test_a_safetensors_header_that_does_not_agree_is_refused(content, problem, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=rf"is damaged \(.*{problem}.*\); download it or save it again"):
        recognise(tmp_path / "file")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_torch_are_told_from_others(protocol, tmp_path):
    torch.save(TENSORS, tmp_path / "file", _use_new_zipfile_serialization=False, pickle_protocol=protocol)
    assert recognise(tmp_path / "file") is Kind.PICKLE
    assert begins_as_torch_pickle(tmp_path / "file")
    (tmp_path / "other").write_bytes(pickle.dumps({"a": [1.0]}, protocol))
    assert not begins_as_torch_pickle(tmp_path / "other")


def test_the_entry_with_the_wrong_checksum_is_named(tmp_path):
    path = save(Kind.ARCHIVE, tmp_path / "file.pth")
    content = bytearray(path.read_bytes())
    content[content.index(TENSORS["a.weight"].numpy().tobytes()) + 500] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"file\.pth' is damaged \(Bad CRC-32 for file 'file/data/0'\); download it"):
        read_tensors(path)


def test_an_archive_without_checksums_is_read(tmp_path):
    """PyTorch can be told to leave them out; it then writes zeros."""
    torch.serialization.set_crc32_options(False)
    try:
        path = save(Kind.ARCHIVE, tmp_path / "file.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(read_tensors(path)[0]["a.weight"], TENSORS["a.weight"])


@pytest.mark.parametrize("place", range(10, 150, 7))
def test_a_damaged_pickle_is_not_called_dangerous(place, tmp_path):
    """Bytes 255 and 254 begin nothing that a pickle can hold."""
    path = save(Kind.PICKLE, tmp_path / "file.pth")
    content = bytearray(path.read_bytes())
    content[place : place + 40] = b"\xff\xfe" * 20
    path.write_bytes(content)
    assert not is_whole_pickle(path)
    with pytest.raises(ValueError, match=r"file\.pth' is damaged or no checkpoint"):
        read_tensors(path)


def test_whole_pickles_are_told_from_parts(tmp_path):
    path = save(Kind.PICKLE, tmp_path / "file.pth")
    assert is_whole_pickle(path)
    for protocol in range(2, 6):
        path.write_bytes(pickle.dumps({"a": [1.0] * 50}, protocol))
        assert is_whole_pickle(path)
        path.write_bytes(path.read_bytes()[:-5])
        assert not is_whole_pickle(path)


def test_an_archive_that_unpacks_to_a_multiple_is_refused_unread(tmp_path, monkeypatch):
    path = save(Kind.ARCHIVE, tmp_path / "bomb.pth", {"a": torch.zeros(5_000_000)})
    repack(path, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("read"))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_, **__: pytest.fail("unpacked"))
    with pytest.raises(
        ValueError, match=r"bomb\.pth' has 0\.0\d+ MB and claims to unpack to 20 MB, more than 10 times as much"
    ):
        read_tensors(path)


def test_a_packed_archive_of_numbers_is_read(tmp_path):
    numbers = torch.randn(10_000).half().float()  # of which 19 bits are 0
    path = save(Kind.ARCHIVE, tmp_path / "packed.pth", {"a": numbers})
    repack(path, zipfile.ZIP_DEFLATED)
    assert torch.equal(read_tensors(path)[0]["a"], numbers)


STRANGERS = {
    "html": (b"\n<!DOCTYPE html><html>Sign in</html>", "is a web page, not a checkpoint: .* download the file itself"),
    "xml": (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "is a web page, not a checkpoint"),
    "bom": (b"\xef\xbb\xbf<html>", "is a web page, not a checkpoint"),
    "gzip": (gzip.compress(b"weights"), "is compressed .gzip.; unpack it with gunzip"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "is a pointer of git-LFS in the place of the checkpoint: run `git lfs pull`",
    ),
    "config": (
        b'{"hidden_sizes": [96, 192]}',
        "is JSON text, such as a configuration, not a checkpoint; name the file",
    ),
    "cut json": (b'{"weight_map": {"a', "is JSON text, such as"),
    "deep json": (b'{"a":' * 100_000, "is JSON text, such as"),
    "zeros": (b"\x00" * 512, r"is damaged or no checkpoint \(it begins with b'(\\x00){8}', as no file of torch\.save"),
    "text": (b"weights", r"is damaged or no checkpoint \(it begins with b'weights'"),
}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", STRANGERS)
def test_what_is_no_checkpoint_is_called_what_it_is(kind, suffix, tmp_path):
    content, message = STRANGERS[kind]
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^checkpoint='.*file\{suffix}' {message}"):
        read_tensors(path)


def test_an_index_alone_is_no_checkpoint(tmp_path):
    """With its files beside it, it is one: ``tests/checkpoints/test_shards.py``."""
    index = {"weight_map": {"a.weight": "model-1-of-2.safetensors", "b.weight": "model-2-of-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    message = (
        r"^is the index of a checkpoint in 2 files \('model-1-of-2\.safetensors', 'model-2-of-2\.safetensors'\) and "
        r"holds no weights; save the model in one file, .*, or name the index, .*, in an init_cfg of .*Pretrained'$"
    )
    with pytest.raises(ValueError, match=message):
        recognise(tmp_path / "model.safetensors.index.json")


def test_another_zip_archive_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "weights.zip", "w") as file:
        for i in range(5):
            file.writestr(f"epoch_{i}.pth", b"numbers")
    with pytest.raises(
        ValueError,
        match=r"is a zip archive, but not one of torch\.save \(it holds 'epoch_0\.pth', .*\.\.\.\); unpack",
    ):
        read_tensors(tmp_path / "weights.zip")


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_a_program_of_torchscript_is_called_one(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "file.pt")
    with pytest.raises(
        ValueError, match=r"file\.pt' is a program of TorchScript, not a checkpoint; save the state_dict"
    ):
        read_tensors(tmp_path / "file.pt")
