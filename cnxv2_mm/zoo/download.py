"""One file from the net to a folder: resumed where it stopped, checked, and either complete or not there."""

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
    """What the server sent is not the file, and would not be at another attempt."""


def find_flaw(path: Path, sha256: str | None) -> str | None:
    """Return what is wrong with a file.

    Args:
        path: The file.
        sha256: The SHA-256 that it should have, or the beginning of it; None: unknown, then it must be a whole
            checkpoint (:mod:`cnxv2_mm.zoo.checkpoint_format`).

    Returns:
        A sentence about "it"; None if nothing is.
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
    """Download a file unless another process just did.

    A transfer that breaks off leaves ``<target>.part``, and the next call continues there if it asks the same address
    and the server tells by a strong ETag that the file is the same. The target appears at once, complete and checked.

    Args:
        addresses: Of the same bytes; the second is asked when the first fails.
        target: The file to write; its folder is made.
        sha256: The SHA-256 in hexadecimal digits, or the beginning of it; None: unknown, then what comes must be a
            whole checkpoint.

    Raises:
        ConnectionError: No address answers, or not with this file.
        OSError: The folder cannot be written, or a link stands where the download would write.
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
    """Wait until no other process downloads to the same target. The system frees the lock of a process that dies."""
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
    """Fill the partial file with the right bytes: a few attempts at each address, in turn."""
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
        f"cannot download {'; '.join(failures)}.{kept} Without the net, get the file elsewhere and put it at {target}"
    )


def _may_pass(error: Exception) -> bool:
    """Whether another attempt is worth its time: not when the server denies the file or cannot be reached."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code in (408, 429)
    return not isinstance(error, (URLError, _WrongAnswer))


def _receive(address: str, part: PartialFile, name: str) -> bool:
    """One request: continues a partial file where the server lets it, else starts it over.

    Returns:
        Whether the server told where the file ends, so that all of it is here; if not, it may have been cut.
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
        told = total is not None or bool(response.chunked)
    if total is not None and have != total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")
    return told


def _length(header: str | None) -> int | None:
    if header is None:
        return None
    if not _LENGTH.fullmatch(header):
        raise _WrongAnswer(f"the server calls its length {header!r}, which is no number of bytes")
    return int(header)


def _check(part: PartialFile, sha256: str | None, length_told: bool) -> None:
    """Remove what is not the file."""
    flaw = find_flaw(part.path, sha256)
    if flaw is None and sha256 is None and not length_told and recognise(part.path) is Kind.PICKLE:
        flaw = "it is of the format before torch 1.6 and came without its length, so that it may be cut"
    if flaw is not None:
        part.remove()
        kind = _WrongAnswer if length_told else ConnectionError  # what was cut may come whole
        raise kind(f"what came is not the file and was removed: {flaw}")


def _write(response: http.client.HTTPResponse, part: PartialFile, have: int, total: int | None, name: str) -> int:
    """Append what comes to the partial file, behind a progress bar; return the bytes it then has."""
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
