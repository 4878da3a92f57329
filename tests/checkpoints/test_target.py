"""A target is replaced whole or left as it was, whatever it is and whatever happens while it is written."""

import os
import pickle
import re
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from cnxv2_mm.checkpoints.files import read_tensors
from cnxv2_mm.checkpoints.target import check_target, write_tensors

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}
ENDINGS = [".pth", ".safetensors"]


def assert_holds(path, tensors=TENSORS, entry=""):
    found, where = read_tensors(path)
    assert where == entry
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


@contextmanager
def a_full_disk():
    """No file of this process gets longer than 1000 bytes: the system refuses the rest, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("suffix", "wrapper"), [(".pth", ""), (".pt", "model"), (".bin", ""), (".safetensors", ""), (".PTH", "")]
)
def test_what_is_written_is_read_back(suffix, wrapper, tmp_path):
    write_tensors(TENSORS, tmp_path / f"file{suffix}", wrapper)
    assert_holds(tmp_path / f"file{suffix}", entry=wrapper)
    assert [path.name for path in tmp_path.iterdir()] == [f"file{suffix}"]


@pytest.mark.parametrize("ending", ["SAFETENSORS", "SafeTensors"])
def test_upper_case_endings_mean_the_same(ending, tmp_path):
    from safetensors.torch import load_file

    write_tensors(TENSORS, tmp_path / f"file.{ending}")
    assert load_file(tmp_path / f"file.{ending}").keys() == TENSORS.keys()


@pytest.mark.parametrize("suffix", ENDINGS)
def test_a_failure_in_the_middle_leaves_the_old_file_and_nothing_else(suffix, tmp_path):
    path = tmp_path / f"file{suffix}"
    write_tensors(TENSORS, path)
    before = path.read_bytes()
    message = re.escape(f"target cannot be written: {os.strerror(27)}: '{path}'")
    with a_full_disk(), pytest.raises(OSError, match=message):
        write_tensors({"a": torch.ones(10_000)}, path, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ENDINGS)
def test_a_failure_in_the_middle_leaves_no_new_file(suffix, tmp_path):
    with a_full_disk(), pytest.raises(OSError, match=os.strerror(27)):
        write_tensors({"a": torch.ones(10_000)}, tmp_path / f"file{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ENDINGS)
def test_what_cannot_be_written_leaves_the_old_file(suffix, tmp_path):
    path = tmp_path / f"file{suffix}"
    write_tensors(TENSORS, path)
    with pytest.raises((AttributeError, TypeError, ValueError, pickle.PicklingError)):
        write_tensors(TENSORS | {"b": lambda: None}, path, overwrite=True)
    assert_holds(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ENDINGS)
def test_a_file_is_replaced_at_once_not_written_into(suffix, tmp_path):
    """Whoever has the old file open, or has it under another name, keeps the old content."""
    path, other = tmp_path / f"file{suffix}", tmp_path / f"other{suffix}"
    write_tensors(TENSORS, path)
    os.link(path, other)
    new = {"a": torch.zeros(3)}
    write_tensors(new, path, overwrite=True)
    assert_holds(path, new)
    assert_holds(other, TENSORS)


def test_a_file_that_exists_is_replaced_on_request_alone(tmp_path):
    path = tmp_path / "file.pth"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"file\.pth' exists already; .* overwrite=True \(--overwrite\)"):
        write_tensors(TENSORS, path)
    assert path.read_text() == "precious"
    write_tensors(TENSORS, path, overwrite=True)
    assert_holds(path)


def test_a_link_stays_and_what_it_names_is_written(tmp_path):
    (tmp_path / "big_disk").mkdir()
    real, link = tmp_path / "big_disk" / "real.pth", tmp_path / "link.pth"
    link.symlink_to(real)
    write_tensors(TENSORS, link)
    assert link.is_symlink()
    assert_holds(real)
    with pytest.raises(FileExistsError, match=r"link\.pth' exists already"):
        write_tensors(TENSORS, link)
    new = {"a": torch.zeros(3)}
    write_tensors(new, link, overwrite=True)
    assert link.is_symlink()
    assert_holds(real, new)
    assert [p.name for p in real.parent.iterdir()] == ["real.pth"]


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_tensors(TENSORS, "~/file.pth")
    assert_holds(tmp_path / "file.pth")
    assert not Path("~").exists()


def test_a_target_that_cannot_be_is_named_as_the_user_named_it(tmp_path):
    (tmp_path / "folder.pth").mkdir()
    too_long = f"{'n' * 300}.pth"
    for name, error, message in (
        ("file.npz", ValueError, r"target='.*file\.npz' must end in .safetensors, or in one of .pth, .pt, .bin"),
        (
            "nowhere/file.pth",
            FileNotFoundError,
            r"folder of target='.*nowhere/file\.pth' does not exist; make '.*",
        ),
        ("folder.pth", IsADirectoryError, r"target='.*folder\.pth' is a folder; name a file in it"),
        (too_long, OSError, too_long),
    ):
        with pytest.raises(error, match=message):
            write_tensors(TENSORS, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["folder.pth"]


def test_the_longest_name_that_the_system_knows_is_written(tmp_path):
    path = tmp_path / f"{'n' * (os.pathconf(tmp_path, 'PC_NAME_MAX') - 4)}.pth"
    write_tensors(TENSORS, path)
    assert_holds(path)


def test_the_check_tells_the_file_that_will_be_written(tmp_path):
    (tmp_path / "link.pth").symlink_to("real.pth")
    assert check_target(tmp_path / "link.pth") == tmp_path.resolve() / "real.pth"
    assert list(tmp_path.iterdir()) == [tmp_path / "link.pth"]
