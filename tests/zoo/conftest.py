"""What the tests of downloading share."""

from collections.abc import Iterator

import pytest

from cnxv2_mm.zoo import download
from tests.zoo.files import torch_zip
from tests.zoo.server import FileServer, serve


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow at once, and no proxy stands between a test and this machine."""
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[FileServer]:
    """3 MB of noise: several chunks, and no two parts of it alike."""
    with serve(torch_zip(seed=0)) as server:
        yield server
