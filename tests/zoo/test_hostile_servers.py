"""What is no checkpoint never gets a checkpoint's name, whoever sends it and however; no other file is written."""

import gzip
import os

import pytest

from cnxv2_mm.zoo.download import ATTEMPTS, download
from cnxv2_mm.zoo.partial_file import PartialFile
from tests.zoo import files


@pytest.fixture
def target(tmp_path):
    return tmp_path / "folder" / "weight.pth"


def refuse(server, target, told, requests=1):
    """Nothing is kept, one line says why, and nobody is asked again who would answer the same."""
    with pytest.raises(ConnectionError, match=told) as caught:
        download([server.address("a")], target)
    assert "\n" not in str(caught.value)
    assert str(target) in str(caught.value)
    assert [p.name for p in target.parent.iterdir() if p.suffix != ".lock"] == []
    assert len(server.requests) == requests


@pytest.mark.parametrize("status", [201, 204, 206])
def test_a_status_that_brings_no_file(server, target, status):
    server.success = status
    refuse(server, target, f"answered with status {status}")


@pytest.mark.parametrize("etag", [None, '"strong"'])
@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "it is empty"), (files.WEB_PAGE, "web page"), (files.LFS_POINTER, "git lfs pull"), (b"ok", "no checkpoint")],
    ids=["empty", "web page", "LFS pointer", "text"],
)
def test_an_answer_that_is_no_checkpoint(server, target, content, told, etag):
    server.content, server.etag = content, etag
    refuse(server, target, told)


def test_a_body_that_says_it_is_compressed(server, target):
    server.content, server.encoding = gzip.compress(server.content, 1), "gzip"
    refuse(server, target, r"compressed \(gzip\) though it was asked not to")


def test_a_body_that_is_compressed_and_does_not_say_so(server, target):
    server.content = gzip.compress(server.content, 1)
    refuse(server, target, "gunzip")


def test_a_damaged_file(server, target):
    content = bytearray(server.content)
    content[len(content) // 3] ^= 1  # within the first tensor
    server.content = bytes(content)
    refuse(server, target, "Bad CRC-32")


@pytest.mark.parametrize("content", [files.torch_zip(0), files.safetensors(0)], ids=["zip", "safetensors"])
class TestWithoutALength:
    def test_a_cut_file(self, server, target, content):
        server.content, server.length = content, None
        server.breaks = [len(content) - 100] * ATTEMPTS
        refuse(server, target, "it is damaged", requests=ATTEMPTS)

    def test_what_was_cut_once_comes_whole(self, server, target, content):
        server.content, server.length = content, None
        server.breaks = [len(content) - 100]
        download([server.address("a")], target)
        assert target.read_bytes() == content

    def test_chunks_tell_the_end(self, server, target, content):
        server.content, server.chunked = content, True
        download([server.address("a")], target)
        assert target.read_bytes() == content


class TestOldFilesWithoutALength:
    """Nothing in them says where they end."""

    def test_are_refused(self, server, target):
        server.content, server.length = files.torch_legacy(0), None
        refuse(server, target, "its end may be missing", requests=ATTEMPTS)

    def test_are_taken_in_chunks(self, server, target):
        server.content, server.chunked = files.torch_legacy(0), True
        download([server.address("a")], target)
        assert target.read_bytes() == server.content

    def test_are_refused_when_the_chunks_break_off(self, server, target):
        server.content, server.chunked, server.etag = files.torch_legacy(0), True, None
        server.breaks = [3000] * ATTEMPTS
        with pytest.raises(ConnectionError, match="IncompleteRead"):
            download([server.address("a")], target)
        assert not target.exists()


@pytest.mark.parametrize("length", ["abc", "-1", "1.5", "", "\u00b2", "9" * 5000])
def test_a_length_that_is_no_number(server, target, length):
    server.length = length
    refuse(server, target, "which is no number of bytes")


@pytest.mark.parametrize("etag", ['"first"', None])
def test_a_part_of_unknown_origin_is_not_spliced(server, target, etag):
    """The server, which ignores the validator, would send the rest of another file."""
    server.etag, server.heeds_if_range = etag, False
    target.parent.mkdir()
    target.with_name("weight.pth.part").write_bytes(files.torch_zip(1)[:1_000_000])
    download([server.address("a")], target)
    assert target.read_bytes() == server.content
    assert server.requests[0].get("Range") is None


def test_a_server_that_sends_the_rest_of_another_file_is_asked_for_all_of_it(server, target):
    """Safetensors files have no checksums: only the validator tells."""
    server.content, server.heeds_if_range = files.safetensors(0), False
    server.breaks = [500] * ATTEMPTS
    with pytest.raises(ConnectionError, match=f"{500 * ATTEMPTS} bytes came and are kept: the next run continues"):
        download([server.address("a")], target)
    server.content, server.etag = files.safetensors(1), '"second"'
    download([server.address("a")], target)
    assert target.read_bytes() == server.content


def test_a_whole_part_of_another_file_is_not_taken(server, target):
    """The server has nothing behind these bytes and does not compare the validator, but tells its own."""
    server.content, server.heeds_if_range = files.safetensors(0), False
    target.parent.mkdir()
    part = PartialFile(target.with_name("weight.pth.part"))
    part.begin(server.address("a"), '"older"')
    with part.open() as file:
        file.write(files.safetensors(1))
    download([server.address("a")], target)
    assert target.read_bytes() == server.content


def test_a_redirection_to_no_address(server, target):
    server.redirection = "http://a..b/a"
    refuse(server, target, "it cannot be asked for")


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("name", ["weight.pth.lock", "weight.pth.part", "weight.pth.part.etag"])
def test_links_are_not_followed(server, target, tmp_path, name, link):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    target.parent.mkdir()
    link(victim, target.with_name(name))
    with pytest.raises(OSError, match=rf"{name} is a link.*remove it"):
        download([server.address("a")], target)
    assert victim.read_text() == "precious"
    assert not target.exists()
