"""A function over many items in fresh processes, so that neither memory, nor a crash, nor an endless loop spreads.

A process that takes longer than the limit for one item, or that the system kills, loses that item alone.
"""

import logging
import multiprocessing
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, TimeoutError, as_completed
from concurrent.futures.process import BrokenProcessPool
from tempfile import TemporaryDirectory
from typing import Any

import torch
from pebble import ProcessExpired, ProcessPool

from cnxv2_mm.swap.refusal import tell


def map_in_processes(
    function: Callable[[Any], Any], items: Sequence[Any], *, processes: int, chunk: int, limit: float
) -> Iterator[tuple[Any, Any, str]]:
    """Yield (item, result, '') as results arrive, in no order, or (item, None, why there is none).

    Args:
        function: A function of a module, which takes and returns what can be pickled.
        items: What to call it with.
        processes: How many processes there are at a time, with one thread each.
        chunk: After so many items a process is replaced by a fresh one.
        limit: Seconds for one item.

    Raises:
        BrokenProcessPool: The processes die before they have done anything.
    """
    waiting = list(items)
    # Temporary files go where those of killed processes are removed too.
    with TemporaryDirectory(prefix="benchmark-") as folder:
        while waiting:
            spawn = multiprocessing.get_context("spawn")
            pool = ProcessPool(processes, chunk, initializer=_start, initargs=(folder,), context=spawn)
            try:
                futures: dict[Future[Any], Any] = {
                    pool.schedule(function, (item,), timeout=limit): item for item in waiting
                }
                lost = []
                for future in as_completed(futures):
                    error = future.exception()
                    if isinstance(error, BrokenProcessPool):
                        lost.append(futures[future])
                    elif error is not None:
                        yield futures[future], None, _explain(error, limit)
                    else:
                        yield futures[future], future.result(), ""
                # A process that dies between two items breaks the pool: the rest goes to another one.
                if len(lost) == len(waiting):
                    raise BrokenProcessPool("the processes die before they have done anything")
                waiting = lost
            finally:
                pool.stop()
                pool.join()


def _explain(error: BaseException, limit: float) -> str:
    if isinstance(error, TimeoutError):
        return f"took longer than {limit:g} seconds"
    if isinstance(error, ProcessExpired):
        return f"the process ended with exit code {error.exitcode}"
    return tell(error)


def _start(folder: str) -> None:
    """Make a new process quiet and single-threaded, with its temporary files in a folder."""
    tempfile.tempdir = folder
    # The libraries say much about every model; what matters is in the result.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
