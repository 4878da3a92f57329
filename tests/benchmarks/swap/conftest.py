"""Where the tests of the walk run."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examining a config goes to the folder that its paths are relative to."""
    monkeypatch.chdir(Path.cwd())
