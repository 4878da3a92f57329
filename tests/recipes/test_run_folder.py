import os

import pytest

from cnxv2_mm.recipes.run_folder import RunFolder


def write_run(folder):
    folder.claim()
    folder.settings.write_text("{}")
    folder.config.write_text("")
    folder.encoder.write_bytes(b"")
    (folder.path / "encoder_timm.safetensors").write_bytes(b"")
    folder.work.mkdir()
    (folder.work / "epoch_1.pth").write_bytes(b"")


def test_a_new_folder_is_made(tmp_path):
    folder = RunFolder(tmp_path / "new" / "run")
    folder.claim()
    assert folder.path.is_dir()
    assert not folder.holds_run


def test_a_run_is_kept_unless_it_is_resumed_or_overwritten(tmp_path):
    folder = RunFolder(tmp_path / "run")
    write_run(folder)
    (folder.path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds a run already: go on with it by --resume"):
        folder.claim()
    folder.claim(resume=True)
    assert (folder.work / "epoch_1.pth").is_file()
    folder.claim(overwrite=True)
    assert [path.name for path in folder.path.iterdir()] == ["notes.txt"]


def test_files_of_other_origin_are_never_touched(tmp_path):
    folder = RunFolder(tmp_path)
    folder.card.write_text("my project")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"files of other origin that a run would overwrite \(README.md\)"):
            folder.claim(overwrite=overwrite)
    assert folder.card.read_text() == "my project"


def test_mistakes_are_one_line(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"holds no run to resume \(no settings.json\)"):
        RunFolder(tmp_path / "none").claim(resume=True)
    with pytest.raises(ValueError, match="give one of them"):
        RunFolder(tmp_path).claim(resume=True, overwrite=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"--out '.*/file': .* is a file, choose another --out"):
        RunFolder(tmp_path / "file").claim()
    monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(PermissionError, match="is not writable, choose another --out"):
        RunFolder(tmp_path / "new").claim()
