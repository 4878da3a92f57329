import sys

import pytest

from cnxv2_mm.recipes.quiet_import import import_quietly


def test_prints_are_dropped_and_warnings_are_not(tmp_path, monkeypatch, capsys):
    (tmp_path / "noisy_library.py").write_text(
        "import warnings\nprint('Could not import OneDL')\nwarnings.warn('old')\nVALUE = 1"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(UserWarning, match="old"):
        import_quietly("noisy_library")
    assert sys.modules.pop("noisy_library").VALUE == 1
    print("after")
    assert capsys.readouterr().out == "after\n"


def test_a_library_that_is_not_there_is_an_error():
    with pytest.raises(ImportError, match="no_such_library"):
        import_quietly("no_such_library")
