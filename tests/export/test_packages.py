import json

import pytest

from cnxv2_mm.export.packages import package


def test_a_package_that_is_there():
    assert package("json") is json


def test_a_missing_one_says_how_to_install_it():
    with pytest.raises(ImportError, match=r'^no_such_runtime is not installed: pip install "cnxv2_mm\[export\]"$'):
        package("no_such_runtime")


def test_one_that_is_broken_says_so(tmp_path, monkeypatch):
    (tmp_path / "broken_runtime.py").write_text("import no_such_part")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match=r"no_such_part"):
        package("broken_runtime")
