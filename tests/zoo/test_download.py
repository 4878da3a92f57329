"""Against a real server on this machine; the oracle is the content that it was given.

What hostile servers send is in ``test_hostile_servers.py``.
"""

import errno
import hashlib
import os
import queue
import socket
import subprocess
import sys
import threading

import pytest

from cnxv2_mm.zoo import download as module
from cnxv2_mm.zoo.download import ATTEMPTS, download, find_flaw
from cnxv2_mm.zoo.partial_file import PartialFile
from tests.zoo import files
from tests.zoo.server import serve


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "folder" / "weight.pth"


@pytest.fixture
def begin(server, target):
    """Leaves what an earlier download of these bytes, from this address, would have left."""

    def begin(content, address=None, etag=None):
        target.parent.mkdir()
        part = PartialFile(target.with_name("weight.pth.part"))
        part.begin(address or server.address("a"), etag or server.etag)
        with part.open() as file:
            file.write(content)

    return begin


def leftovers(target):
    return sorted(p.name for p in target.parent.iterdir() if p.suffix != ".lock" and p != target)


@pytest.mark.parametrize("digits", [None, 8, 64])
def test_a_whole_file(server, target, digits):
    download([server.address("a")], target, digits and sha256(server.content)[:digits])
    assert target.read_bytes() == server.content
    assert leftovers(target) == []
    assert [request.get("Range") for request in server.requests] == [None]


def test_a_partial_file_is_continued(server, target, begin):
    begin(server.content[:1_234_567])
    download([server.address("a")], target, sha256(server.content))
    assert target.read_bytes() == server.content
    assert server.requests[0]["Range"] == "bytes=1234567-"
    assert leftovers(target) == []


def test_a_broken_transfer_is_continued(server, target):
    server.breaks = [1_000_000, 500_000]
    download([server.address("a")], target, sha256(server.content))
    assert target.read_bytes() == server.content
    assert [request.get("Range") for request in server.requests] == [None, "bytes=1000000-", "bytes=1500000-"]
    assert server.requests[1]["If-Range"] == server.etag


def test_a_transfer_that_keeps_breaking_is_continued_by_the_next_call(server, target):
    server.breaks = [100_000] * ATTEMPTS
    with pytest.raises(
        ConnectionError, match=rf"{100_000 * ATTEMPTS} of {len(server.content)} .*the next run continues"
    ):
        download([server.address("a")], target)
    assert not target.exists()
    assert len(server.requests) == ATTEMPTS
    download([server.address("a")], target)
    assert target.read_bytes() == server.content
    assert server.requests[-1]["Range"] == f"bytes={100_000 * ATTEMPTS}-"


def test_a_server_that_knows_no_ranges_sends_it_all_again(server, target, begin):
    server.ranges = False
    begin(b"x" * 1000)
    download([server.address("a")], target)
    assert target.read_bytes() == server.content


def test_a_file_that_changed_meanwhile_is_not_spliced(server, target):
    server.breaks = [100_000] * ATTEMPTS
    with pytest.raises(ConnectionError):
        download([server.address("a")], target)
    server.content, server.etag = files.torch_zip(seed=1), '"second"'
    download([server.address("a")], target)  # no hash would notice it
    assert target.read_bytes() == server.content


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_continued(server, target, etag):
    """Nothing would tell that the rest is of another file."""
    server.etag = etag
    server.breaks = [1_000_000]
    download([server.address("a")], target)
    assert target.read_bytes() == server.content
    assert [request.get("Range") for request in server.requests] == [None, None]


def test_what_came_from_one_address_is_not_continued_at_another(server, target, begin):
    begin(b"x" * 1000, address=server.address("another"))
    download([server.address("a")], target)
    assert target.read_bytes() == server.content
    assert [request.get("Range") for request in server.requests] == [None]


def test_a_partial_file_that_is_whole_already_is_taken(server, target, begin):
    begin(server.content)
    download([server.address("a")], target)
    assert target.read_bytes() == server.content
    assert len(server.requests) == 1


def test_a_partial_file_that_is_too_long_is_begun_again(server, target, begin):
    begin(server.content + b"more")
    download([server.address("a")], target)
    assert target.read_bytes() == server.content


def test_a_server_that_sends_other_bytes_than_asked_for_is_asked_for_all(server, target, begin):
    begin(server.content[:1000])
    server.shift = 7
    download([server.address("a")], target)
    assert target.read_bytes() == server.content
    assert [request.get("Range") for request in server.requests] == ["bytes=1000-", None]


def test_a_wrong_hash_is_refused_and_removed(server, target):
    with pytest.raises(ConnectionError, match=f"{sha256(server.content)} and should begin with 0123abcd"):
        download([server.address("a")], target, "0123abcd")
    assert not target.exists()
    assert leftovers(target) == []
    assert len(server.requests) == 1


def test_the_mirror_is_asked_when_the_first_address_has_another_file(server, target):
    with serve(files.torch_zip(seed=1)) as other:
        download([other.address("a"), server.address("a")], target, sha256(server.content))
    assert target.read_bytes() == server.content


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, ATTEMPTS), (429, ATTEMPTS)])
def test_an_error_of_the_server_is_said_and_only_some_are_tried_again(server, target, status, requests):
    server.statuses = [status] * ATTEMPTS
    with pytest.raises(ConnectionError, match=rf"127.0.0.1.*{status}.*put it at .*weight.pth"):
        download([server.address("a")], target)
    assert len(server.requests) == requests
    assert leftovers(target) == []


def test_a_passing_error_passes(server, target):
    server.statuses = [503]
    download([server.address("a")], target)
    assert target.read_bytes() == server.content


def closed_address() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/a"


def test_without_the_net_one_error_says_from_where_and_where_to(target, monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda _: pytest.fail("it says so at once"))
    address = closed_address()
    with pytest.raises(ConnectionError) as caught:
        download([address], target)
    assert address in str(caught.value)
    assert str(target) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_mirror_is_asked_when_the_first_address_fails(server, target):
    download([closed_address(), server.address("a")], target)
    assert target.read_bytes() == server.content
    server.statuses = [404]
    with pytest.raises(ConnectionError) as caught:
        download([server.address("gone"), closed_address()], target.with_name("other.pth"))
    assert "/gone: HTTP Error 404" in str(caught.value)
    assert "refused" in str(caught.value)


def test_a_silent_server_is_given_up(monkeypatch, target):
    monkeypatch.setattr(module, "_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ConnectionError, match="timed out"):
        download([f"http://127.0.0.1:{listener.getsockname()[1]}/a"], target)


def test_of_many_only_one_downloads(server, target):
    threads = [threading.Thread(target=download, args=([server.address("a")], target)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == server.content
    assert len(server.requests) == 1


@pytest.fixture
def messages(monkeypatch):
    """What is logged, as it comes."""
    messages = queue.Queue()
    monkeypatch.setattr(module, "print_log", lambda message, **_: messages.put(message))
    return messages


def test_a_second_process_says_that_it_waits_until_the_first_is_gone(server, target, messages):
    target.parent.mkdir()
    hold = "import filelock, sys; a = filelock.FileLock(sys.argv[1]); a.acquire(); print('held', flush=True); input()"
    command = [sys.executable, "-c", hold, target.with_name("weight.pth.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"held\n"
        second = threading.Thread(target=download, args=([server.address("a")], target))
        second.start()
        assert messages.get(timeout=60) == "another process is downloading weight.pth; waiting for it"
        assert server.requests == []
        first.kill()
    second.join()
    assert target.read_bytes() == server.content


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_a_folder_without_locks_is_no_obstacle(server, target, messages, monkeypatch, number):
    """For the second error filelock has a lock of its own, a file that exists or does not."""

    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    download([server.address("a")], target)
    assert target.read_bytes() == server.content
    if number == errno.ENOLCK:
        assert "start one process alone until weight.pth is there" in messages.get_nowait()


def test_the_flaw_of_a_file_with_a_published_hash(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    # FIPS 180-4's example: SHA-256("abc") = ba7816bf 8f01cfea ...
    assert find_flaw(file, "ba7816bf8f01cfea") is None
    assert find_flaw(file, "ba7816bf8f01cfeb").startswith("its SHA-256 is ba7816bf8f01cfea")


def test_the_flaw_of_a_file_without_one(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(files.torch_zip(0, 1000))
    assert find_flaw(file, None) is None
    file.write_bytes(b"abc")
    assert "no checkpoint" in find_flaw(file, None)
