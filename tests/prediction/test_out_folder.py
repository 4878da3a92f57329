"""Folders that can be made, and those that cannot."""

from pathlib import Path

import pytest

from cnxv2_mm.prediction.out_folder import make_folder


def test_folders(tmp_path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"--out: .*file/b cannot be made \(Not a directory\); give another"):
        make_folder(tmp_path / "file" / "b")


def test_a_folder_that_is_read_only():
    """The kernel's own folder, into which not even the superuser writes."""
    with pytest.raises(OSError, match=r"--out: /proc/new cannot be made"):
        make_folder(Path("/proc/new"))
