"""No file is lost by writing a config, and none is half written."""

import os
from pathlib import Path

import pytest

from cnxv2_mm.config.load import load_config, shipped_config
from cnxv2_mm.swap.target import check_target, files_read, write_text

RETINANET = "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py"


@pytest.fixture
def family(tmp_path):
    """child.py inherits from parent.py, and that from parts/grandparent.py and from mmdet."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "grandparent.py").write_text("max_epochs = 12\n")
    (tmp_path / "parent.py").write_text(f'_base_ = ["parts/grandparent.py", "{RETINANET}"]\n')
    (tmp_path / "child.py").write_text('_base_ = "./parent.py"\n')
    return tmp_path


@pytest.fixture
def new_style_family(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "grandparent.py").write_text("from torch.optim import AdamW\noptimizer = dict(type=AdamW)\n")
    reads = "from mmengine.config import read_base\nwith read_base():\n    from {} import *\n"
    (tmp_path / "parent.py").write_text(reads.format(".parts.grandparent"))
    (tmp_path / "child.py").write_text(reads.format(".parent"))
    return tmp_path


@pytest.mark.parametrize("kind", ["family", "new_style_family"])
def test_what_a_config_inherits_from_is_never_replaced(kind, request, monkeypatch):
    folder = request.getfixturevalue(kind)
    monkeypatch.chdir(folder)
    files = {"child.py", "parent.py", "parts/grandparent.py"}
    os.link("parts/grandparent.py", "hard.py")
    os.symlink("parent.py", "soft.py")
    for name in (*files, "hard.py", "soft.py", "parts/../child.py"):
        with pytest.raises(ValueError, match="would inherit from itself"):
            check_target(Path(name), "child.py", overwrite=True)
    assert {folder / name for name in files} <= {file.absolute() for file in files_read(load_config("child.py"))}
    Path("other.py").touch()
    check_target(Path("other.py"), "child.py", overwrite=True)
    with pytest.raises(FileExistsError, match="--overwrite"):
        check_target(Path("other.py"), "child.py")


def test_nor_what_a_library_ships(family):
    base = shipped_config("mmdet::_base_/default_runtime.py")
    with pytest.raises(ValueError, match="would inherit from itself"):
        check_target(base, str(family / "child.py"), overwrite=True)


def test_other_endings_and_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"x\.yaml' must end in \.py"):
        check_target(tmp_path / "x.yaml", RETINANET)
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(ValueError, match=r"folder\.py' is a folder"):
        check_target(tmp_path / "folder.py", RETINANET, overwrite=True)
    check_target(tmp_path / "not" / "yet" / "there.py", RETINANET)


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "new" / "config.py"
    write_text("a = 1\n", target)
    assert target.read_text() == "a = 1\n"
    (tmp_path / "link.py").symlink_to(target)
    write_text("a = 'ü'\n", tmp_path / "link.py")
    assert target.read_bytes() == "a = 'ü'\n".encode()
    assert (tmp_path / "link.py").is_symlink()

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match=r"config\.py cannot be written: No space left on device"):
        write_text("b = 2\n", target)
    assert target.read_bytes() == "a = 'ü'\n".encode()
    assert [file.name for file in target.parent.iterdir()] == ["config.py"]
