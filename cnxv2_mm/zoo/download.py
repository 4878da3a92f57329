"""Download one file: continued where it stopped, checked, and only given its name when it is complete."""

import hashlib
import http.client
import logging
import os
import re
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock, Timeout
from mmengine.logging import print_log
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from cnxv2_mm import command_line
from cnxv2_mm.version import __version__
from cnxv2_mm.zoo.checkpoint_format import Kind, begins_as_torch_pickle, recognise
from cnxv2_mm.zoo.partial_file import PartialFile, open_own_file

ATTEMPTS = 4
FIRST_PAUSE = 1.0  # seconds before the second attempt, doubled before each further one
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 20
_NETWORK_ERRORS = (URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", re.ASCII)


class _WrongAnswer(ConnectionError):
    """The server sent something else than the file, and would send it again."""


def find_flaw(path: Path, sha256: str | None) -> str | None:
    """Return what is wrong with a file.

    Args:
        path: The file.
        sha256: The SHA-256 that the file should have, or the first digits of it. None if it is not published: then
            the file must be a complete checkpoint (:mod:`cnxv2_mm.zoo.checkpoint_format`).

    Returns:
        A text that begins with "it" or "its"; None if nothing is wrong.
    """
    if sha256 is not None:
        digest = _digest(path)
        return None if digest.startswith(sha256) else f"its SHA-256 is {digest} and should begin with {sha256}"
    try:
        kind = recognise(path)
    except ValueError as error:
        return f"it {error}"
    if kind is Kind.PICKLE and not begins_as_torch_pickle(path):
        return "it is a pickle that torch.save did not write, no checkpoint"
    return None


def download(addresses: Sequence[str], target: Path, sha256: str | None = None) -> None:
    """Download a file, unless another process has just done it.

    A transfer that breaks off leaves ``<target>.part``. The next call continues it if it asks the same address and the
    server shows by a strong ETag that the file is still the same. ``target`` exists only when it is complete and
    checked.

    Args:
        addresses: Addresses of the same file; the next one is asked when one fails.
        target: The file to write; its folder is made if need be.
        sha256: The SHA-256 of the file in hexadecimal digits, or the first of them. None if it is not published: then
            the file must be a complete checkpoint.

    Raises:
        ConnectionError: No address answers, or none sends this file.
        OSError: The folder cannot be written, or there is a link where the download would write.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target):
        if target.is_file() and find_flaw(target, sha256) is None:
            return
        part = PartialFile(target.with_name(f"{target.name}.part"))
        _transfer(addresses, part, target, sha256)
        part.become(target)
        checked = f"begins with {sha256}, as published" if sha256 else f"is {_digest(target)}; none is published"
        print_log(f"{target}: its SHA-256 {checked}", logger="current")


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Wait until no other process downloads the same target. The lock of a process that dies is freed by the system."""
    path = target.with_name(f"{target.name}.lock")
    with suppress(FileNotFoundError):
        os.close(open_own_file(path, os.O_RDWR))  # refuses a link
    lock = FileLock(path)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print_log(f"another process is downloading {target.name}; waiting for it", logger="current")
            lock.acquire()
    except (OSError, NotImplementedError) as error:  # the latter: of a file system without locks
        print_log(
            f"{target.parent} cannot be locked ({error}): start one process alone until {target.name} is there",
            logger="current",
            level=logging.WARNING,
        )
    try:
        yield
    finally:
        lock.release()


def _transfer(addresses: Sequence[str], part: PartialFile, target: Path, sha256: str | None) -> None:
    """Fill the partial file and check it, with a few attempts at each address."""
    failures = []
    for address in addresses:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(FIRST_PAUSE * 2 ** (attempt - 1))
            try:
                _check(part, sha256, length_told=_receive(address, part, target.name))
                return
            except _NETWORK_ERRORS as error:
                failure = error
                if not _may_pass(error):
                    break
        failures.append(f"{address}: {failure}")
    num_kept = max(part.begun(address)[0] for address in addresses)
    kept = f" {num_kept} bytes came and are kept: the next run continues there." if num_kept else ""
    raise ConnectionError(
        f"cannot download {'; '.join(failures)}.{kept} Without a connection, download the file on another machine and "
        f"put it at {target}"
    )


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may succeed: not if the server refuses the file or cannot be reached."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code in (408, 429)
    return not isinstance(error, (URLError, _WrongAnswer))


def _receive(address: str, part: PartialFile, name: str) -> bool:
    """Make one request. It continues the partial file if the server allows that, and starts again otherwise.

    Returns:
        Whether the server said where the file ends. If it did, all of it is here; otherwise the end may be missing.
    """
    have, etag = part.begun(address)
    headers = {"User-Agent": f"cnxv2_mm/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": etag}
    try:
        response = urlopen(Request(address, headers=headers), timeout=_TIMEOUT)
    except HTTPError as error:
        error.close()
        if not have or error.code != 416:  # 416: nothing after these bytes
            raise
        if error.headers.get("Content-Range", "") == f"bytes */{have}" and error.headers.get("ETag", etag) == etag:
            return True
        part.remove()
        raise ConnectionError(f"the server has another file than the {have} bytes that were here are from") from error
    except ValueError as error:  # of urllib, about an address or a redirection
        raise _WrongAnswer(f"it cannot be asked for ({error})") from error
    with response:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise _WrongAnswer(f"the server sent it compressed ({encoding}) though it was asked not to")
        if response.status == 206 and have:
            served = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if served is None or int(served[1]) != have or response.headers.get("ETag", etag) != etag:
                part.remove()
                raise ConnectionError(f"asked for the bytes from {have} on, the server sent others")
            total: int | None = int(served[2])
        elif response.status == 200:
            have, total = 0, _length(response.headers.get("Content-Length"))
            part.begin(address, response.headers.get("ETag"))
        else:
            raise _WrongAnswer(f"the server answered with status {response.status}, which brings no file")
        have = _write(response, part, have, total, name)
        length_told = total is not None or bool(response.chunked)
    if total is not None and have != total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")
    return length_told


def _length(header: str | None) -> int | None:
    if header is None:
        return None
    if not _LENGTH.fullmatch(header):
        raise _WrongAnswer(f"the server calls its length {header!r}, which is no number of bytes")
    return int(header)


def _check(part: PartialFile, sha256: str | None, length_told: bool) -> None:
    """Remove the partial file, with an error, if it is not the file that was asked for."""
    flaw = find_flaw(part.path, sha256)
    if flaw is None and sha256 is None and not length_told and recognise(part.path) is Kind.PICKLE:
        flaw = "it has the format from before torch 1.6 and the server sent no length, so its end may be missing"
    if flaw is not None:
        part.remove()
        kind = _WrongAnswer if length_told else ConnectionError  # a file that was cut may arrive complete next time
        raise kind(f"the server sent something else than the file, and it was removed: {flaw}")


def _write(response: http.client.HTTPResponse, part: PartialFile, have: int, total: int | None, name: str) -> int:
    """Append the answer to the partial file and show progress; return the size of the file."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = command_line.console(stderr=True)
    with part.open() as file, Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total, completed=have)
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            have += len(chunk)
            progress.update(task, completed=have)
    return have


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
