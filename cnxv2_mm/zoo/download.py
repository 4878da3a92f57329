"""One file from the net to a folder: resumed where it stopped, checked, and either complete or not there."""

import hashlib
import http.client
import logging
import os
import re
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from mmengine.logging import print_log
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from cnxv2_mm import command_line
from cnxv2_mm.version import __version__

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

ATTEMPTS = 4
FIRST_PAUSE = 1.0  # seconds before the second attempt, doubled before each further one
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 20
_NETWORK_ERRORS = (URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def is_whole(path: Path, sha256: str | None) -> bool:
    """Whether a file is there and, where its SHA-256 or the beginning of it is known, has it."""
    return path.is_file() and (sha256 is None or _digest(path).startswith(sha256))


def download(addresses: Sequence[str], target: Path, sha256: str | None = None) -> None:
    """Downloads a file unless another process just did.

    A transfer that breaks off leaves ``<target>.part``, and the next call continues there. The target appears at once,
    complete and checked.

    Args:
        addresses: Of the same bytes; the second is asked when the first fails.
        target: The file to write; its folder is made.
        sha256: The SHA-256 in hexadecimal digits, or the beginning of it; None: unknown, only the length is checked.

    Raises:
        ConnectionError: No address answers, or not with this file.
        RuntimeError: The file's SHA-256 is another; the file is gone.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target):
        if is_whole(target, sha256):
            return
        part = target.with_name(f"{target.name}.part")
        _transfer(addresses, part, target)
        digest = _digest(part)
        _validator_file(part).unlink(missing_ok=True)
        if sha256 is not None and not digest.startswith(sha256):
            part.unlink()
            raise RuntimeError(
                f"{addresses[0]} is not the published file: its SHA-256 is {digest} and should begin with {sha256}. "
                "It was removed; try again, or get the file elsewhere"
            )
        os.replace(part, target)
        checked = "as published" if sha256 is not None else "no published one to compare with"
        print_log(f"{target}: SHA-256 {digest} ({checked})", logger="current")


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Waits until no other process downloads to the same target. The system frees the lock of a process that dies."""
    with target.with_name(f"{target.name}.lock").open("w") as file:
        try:
            if fcntl is None:
                raise OSError("the system has no file locks")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print_log(f"another process is downloading {target.name}; waiting for it", logger="current")
                fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            print_log(
                f"{target.parent} cannot be locked ({error}): start one process alone until {target.name} is there",
                logger="current",
                level=logging.WARNING,
            )
        yield


def _transfer(addresses: Sequence[str], part: Path, target: Path) -> None:
    """Fills the partial file: a few attempts at each address, in turn."""
    failures = []
    for address in addresses:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(FIRST_PAUSE * 2 ** (attempt - 1))
            try:
                _receive(address, part, target.name)
                return
            except _NETWORK_ERRORS as error:
                failure = error
                if not _may_pass(error):
                    break
        failures.append(f"{address}: {failure}")
    kept = f" {part.stat().st_size} bytes came and are kept: the next run continues there." if part.exists() else ""
    raise ConnectionError(
        f"cannot download {'; '.join(failures)}.{kept} Without the net, get the file elsewhere and put it at {target}"
    )


def _may_pass(error: Exception) -> bool:
    """Whether another attempt is worth its time: not when the server denies the file or cannot be reached."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code in (408, 429)
    return not isinstance(error, URLError)


def _receive(address: str, part: Path, name: str) -> None:
    """One request: continues a partial file where the server lets it, else removes it or starts it over."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": f"cnxv2_mm/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if _validator_file(part).is_file():  # else the part is from another program: taken as it is
            headers["If-Range"] = _validator_file(part).read_text()
    try:
        response = urlopen(Request(address, headers=headers), timeout=_TIMEOUT)
    except HTTPError as error:
        error.close()
        if not have or error.code != 416:  # 416: nothing after these bytes
            raise
        if error.headers.get("Content-Range", "") == f"bytes */{have}":
            return
        part.unlink()
        raise ConnectionError(f"the server has fewer than the {have} bytes that were here") from error
    with response:
        if response.status == 206:
            served = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if served is None or int(served[1]) != have:
                part.unlink()
                raise ConnectionError(f"asked for the bytes from {have} on, the server sent others")
            total = int(served[2])
        else:
            have = 0
            part.unlink(missing_ok=True)  # before its validator changes
            total = int(response.headers["Content-Length"]) if "Content-Length" in response.headers else None
            _remember_validator(response.headers, part)
        have = _write(response, part, have, total, name)
    if total is not None and have != total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")


def _write(response: http.client.HTTPResponse, part: Path, have: int, total: int | None, name: str) -> int:
    """Appends what comes to the partial file, behind a progress bar; returns the bytes it then has."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = command_line.console(stderr=True)
    with part.open("ab" if have else "wb") as file, Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total, completed=have)
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            have += len(chunk)
            progress.update(task, completed=have)
    return have


def _validator_file(part: Path) -> Path:
    """Keeps what tells the server's file from a later one under the same address."""
    return part.with_name(f"{part.name}.etag")


def _remember_validator(headers: http.client.HTTPMessage, part: Path) -> None:
    tag = headers.get("ETag", "")
    if tag and not tag.startswith("W/"):  # a weak one does not promise the same bytes
        _validator_file(part).write_text(tag)
    else:
        _validator_file(part).unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
