"""Importing MinkowskiEngine, where it is not: modules of its name that do at their import what the real one does."""

import collections
import sys

import pytest

from cnxv2_mm import FCMAE
from cnxv2_mm.layouts import find_masked_layout
from cnxv2_mm.layouts.minkowski_engine import INSTALL, import_engine
from tests.layouts.contract import ARCH
from tests.test_structure import ROOT


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a MinkowskiEngine of the given source first on the path, whatever is installed or was imported."""

    def install(source: str) -> None:
        (tmp_path / "MinkowskiEngine.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "MinkowskiEngine", raising=False)

    yield install
    sys.modules.pop("MinkowskiEngine", None)  # before monkeypatch puts back the real one, if there was one


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "MinkowskiEngine", None)
    monkeypatch.delitem(sys.modules, "cnxv2_mm.layouts.minkowski", raising=False)


def test_where_it_is_absent_the_error_says_how_to_install_it(absent):
    with pytest.raises(ImportError, match="layout='minkowski' needs MinkowskiEngine") as error:
        find_masked_layout("minkowski")
    assert INSTALL in str(error.value)


def test_pre_training_asks_for_it_before_the_first_step(absent):
    with pytest.raises(ImportError, match="needs MinkowskiEngine"):
        FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}, layout="minkowski")


def test_where_it_is_broken_the_error_says_why(install):
    install("raise ImportError('libopenblas.so.0: cannot open shared object file')")
    with pytest.raises(ImportError, match=r"importing it failed: libopenblas\.so\.0: cannot open"):
        import_engine()


def test_removed_names_are_there_for_the_import_alone(install):
    install("from collections import Sequence")
    assert import_engine().Sequence is collections.abc.Sequence
    assert not hasattr(collections, "Sequence")


def test_removed_names_go_when_the_import_fails(install):
    install("from collections import Sequence; raise ImportError")
    with pytest.raises(ImportError, match="needs MinkowskiEngine"):
        import_engine()
    assert not hasattr(collections, "Sequence")


def test_the_makefile_runs_the_commands_of_the_error():
    recipe = (ROOT / "Makefile").read_text()
    commands = [line.removeprefix("python -m ") for line in INSTALL.splitlines()]
    assert len(commands) == 3
    assert [command for command in commands if command not in recipe] == []
