"""What is continued, and that no other file is ever written; with a server: ``test_download.py``."""

import json
import os

import pytest

from cnxv2_mm.zoo.partial_file import PartialFile, open_own_file

ADDRESS = "https://example.org/weight.pth"


@pytest.fixture
def part(tmp_path):
    return PartialFile(tmp_path / "weight.pth.part")


def fill(part, etag='"first"', content=b"half"):
    part.begin(ADDRESS, etag)
    with part.open() as file:
        file.write(content)


def test_what_came_from_an_address_is_continued_there_alone(part):
    assert part.begun(ADDRESS) == (0, "")
    fill(part)
    assert part.begun(ADDRESS) == (4, '"first"')
    assert part.begun(ADDRESS + "?version=2") == (0, "")
    fill(part, content=b"an")  # begins anew
    assert part.path.read_bytes() == b"an"


@pytest.mark.parametrize("etag", [None, "", 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_continued(part, etag):
    fill(part)
    fill(part, etag)
    assert part.path.read_bytes() == b"half"
    assert part.begun(ADDRESS) == (0, "")


@pytest.mark.parametrize("origin", [None, b"", b"\xff", b'"first"', b"[]", b"{}", b'{"address": "x", "etag": "y"}'])
def test_a_partial_file_of_unknown_origin_is_not_continued(part, origin):
    part.path.write_bytes(b"from another program")
    if origin is not None:
        part.path.with_name("weight.pth.part.etag").write_bytes(origin)
    assert part.begun(ADDRESS) == (0, "")


def test_the_origin_alone_is_nothing_to_continue(part):
    fill(part)
    part.path.unlink()
    assert part.begun(ADDRESS) == (0, "")


def test_the_address_is_not_written_down(part):
    """It may hold a password."""
    fill(part)
    assert "example" not in json.dumps([p.read_text() for p in part.path.parent.iterdir()])


@pytest.mark.parametrize("end", ["remove", "become"])
def test_nothing_is_left_beside(part, tmp_path, end):
    fill(part)
    target = tmp_path / "weight.pth"
    part.remove() if end == "remove" else part.become(target)
    assert list(tmp_path.iterdir()) == ([] if end == "remove" else [target])


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("name", ["weight.pth.part", "weight.pth.part.etag"])
def test_no_link_is_written_through(part, tmp_path, name, link):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link(victim, tmp_path / name)
    with pytest.raises(OSError, match=rf"{name} is a link.*remove it"):
        fill(part)
    assert victim.read_text() == "precious"


def test_neither_is_what_a_link_promises_to_make(part, tmp_path):
    part.path.symlink_to(tmp_path / "new")
    with pytest.raises(OSError, match="is a link"):
        fill(part)
    assert not (tmp_path / "new").exists()


def test_a_link_that_appears_meanwhile_is_not_followed(part, tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    part.path.symlink_to(victim)
    monkeypatch.setattr(type(part.path), "is_symlink", lambda _: False)  # it was none when it was looked at
    with pytest.raises(OSError, match="symbolic link"):
        fill(part)
    assert victim.read_text() == "precious"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        open_own_file(tmp_path / "pipe", os.O_RDWR | os.O_CREAT)
    with pytest.raises(OSError, match="pipe"):
        open_own_file(tmp_path / "pipe", os.O_WRONLY | os.O_CREAT)
