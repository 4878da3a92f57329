import os
from pathlib import Path

import pytest

from cnxv2_mm.recipes.run_folder import RunFolder

MINE = {"notes.txt": "mine", "encoder_mine.safetensors": "mine"}


def write_run(folder, content="old"):
    with folder.begin():
        folder.config.write_text(content)
        folder.encoder.write_text(content)
        (folder.path / "encoder_timm.safetensors").write_text(content)
        folder.work.mkdir()
        (folder.work / "epoch_1.pth").write_text(content)
        folder.settings.write_text("{}")


def contents(folder):
    return {str(path.relative_to(folder.path)): path.read_text() for path in folder.path.rglob("*") if path.is_file()}


@pytest.fixture
def old(tmp_path):
    folder = RunFolder(tmp_path / "run")
    write_run(folder)
    for name, content in MINE.items():
        (folder.path / name).write_text(content)
    return folder


def test_a_new_folder_is_made(tmp_path):
    folder = RunFolder(tmp_path / "new" / "run")
    with folder.begin():
        assert folder.path.is_dir()
        assert not folder.holds_run


def test_a_run_is_kept_unless_it_is_resumed_or_overwritten(old):
    with pytest.raises(ValueError, match="holds a run already: go on with it by --resume"), old.begin():
        pass
    old.resume()
    assert (old.work / "epoch_1.pth").is_file()
    with old.begin(overwrite=True):
        assert not old.holds_run
    assert contents(old) == MINE


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_the_folder_is_as_it_was(error, old, tmp_path):
    before = contents(old)

    def fail(folder):
        with folder.begin(overwrite=True):
            folder.settings.write_text("new")
            folder.data.mkdir()
            (folder.data / "train.txt").write_text("new")
            folder.encoder.write_text("new")
            raise error

    with pytest.raises(error):
        fail(old)
    assert contents(old) == before
    with pytest.raises(error):
        fail(RunFolder(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_an_error_of_a_first_run_leaves_the_users_files(tmp_path):
    (tmp_path / "encoder_mine.safetensors").write_text("mine")
    with pytest.raises(ValueError, match="no images"), RunFolder(tmp_path).begin():
        raise ValueError("no images")
    assert (tmp_path / "encoder_mine.safetensors").read_text() == "mine"


def test_a_disk_that_fails_while_the_run_is_set_aside_costs_nothing(old, monkeypatch):
    before, rename, times = contents(old), Path.rename, iter(range(99))

    def fail_once(self, target):
        if next(times) == 2:
            raise OSError("disk")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(OSError, match="disk"), old.begin(overwrite=True):
        pass
    assert contents(old) == before


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", range(13))
def test_a_run_survives_that_its_replacement_is_killed_at_any_file(at, old, monkeypatch):
    """After ``at`` of 12 changes of files nothing more happens, as if the process had died.

    These are five files set aside, two of the new run removed, and the five brought back.
    """
    before, moved = contents(old), 0

    def dying(operation):
        def move(self, *args, **options):
            nonlocal moved
            moved += 1
            if moved > at:
                raise Killed
            return operation(self, *args, **options)

        return move

    def replace():
        with old.begin(overwrite=True):
            old.config.write_text("new")
            old.settings.write_text("new")
            raise ZeroDivisionError

    with monkeypatch.context() as patch:
        for name in ("rename", "unlink"):
            patch.setattr(Path, name, dying(getattr(Path, name)))
        with pytest.raises(Killed if at < 12 else ZeroDivisionError):
            replace()
    with pytest.raises(ValueError, match="holds a run already"), old.begin():
        pass
    assert contents(old) == before


def test_the_run_before_is_not_resumed_in_the_place_of_the_new_one(old):
    before, process = contents(old), os.fork()
    if not process:
        with old.begin(overwrite=True):
            old.settings.write_text("new")
            os._exit(0)
    os.waitpid(process, 0)
    with pytest.raises(ValueError, match="interrupted before its training, and the run before it is back"):
        old.resume()
    assert contents(old) == before
    old.resume()


def test_what_was_half_removed_does_not_come_back(old, monkeypatch):
    def busy(path):
        raise OSError("busy")

    def replace():
        with old.begin(overwrite=True):
            old.settings.write_text("new")
            monkeypatch.setattr("shutil.rmtree", busy)

    with pytest.raises(OSError, match="busy"):
        replace()
    monkeypatch.undo()
    with old.begin(overwrite=True):
        old.settings.write_text("newer")
    assert contents(old) == {**MINE, "settings.json": "newer"}


def test_files_of_other_origin_are_never_touched(tmp_path):
    folder = RunFolder(tmp_path)
    folder.card.write_text("my project")
    for overwrite in (False, True):
        with (
            pytest.raises(ValueError, match=r"files of other origin that a run would overwrite \(README.md\)"),
            folder.begin(overwrite=overwrite),
        ):
            pass
    assert folder.card.read_text() == "my project"


def test_mistakes_are_one_line(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"holds no run to resume \(no settings.json\)"):
        RunFolder(tmp_path / "none").resume()
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"--out '.*/file': .* is a file, choose another --out"):
        RunFolder(tmp_path / "file").resume()
    monkeypatch.setattr(os, "access", lambda *args: False)
    with (
        pytest.raises(PermissionError, match="is not writable, choose another --out"),
        RunFolder(tmp_path / "new").begin(),
    ):
        pass
