"""Runs a function over many items in fresh processes, so that neither memory, nor a crash, nor an endless loop spreads.

Each process takes a chunk of items and is replaced after it. Whoever takes longer than the limit for one item, or
dies, loses that item alone: the rest of its chunk goes to a new process.
"""

import logging
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

# Of the time between two looks at the processes, no more than this counts: the machine may have been asleep.
_LONGEST_PAUSE = 5.0
# The first item of a process pays for the imports: so many seconds more.
_START = 180.0


@dataclass
class _Worker:
    """A process.

    Attributes:
        process, results: It, and what it sends.
        items: What it has still to do; it is at the first.
        seconds: Left for that.
    """

    process: multiprocessing.process.BaseProcess
    results: Connection
    items: list[Any]
    seconds: float


def map_in_processes(
    function: Callable[[Any], Any], items: Sequence[Any], *, processes: int, chunk: int, limit: float
) -> Iterator[tuple[Any, Any, str]]:
    """Yield (item, result, '') as results arrive, in no order, or (item, None, why there is none).

    Args:
        function: A function of a module, taking and returning what can be pickled; it must not raise.
        items: What to call it with.
        processes: So many at a time, with one thread each.
        chunk: Items for one process.
        limit: Seconds for one item.
    """
    waiting = [list(items[i : i + chunk]) for i in range(0, len(items), chunk)]
    workers: list[_Worker] = []
    try:
        looked = time.monotonic()
        while waiting or workers:
            while waiting and len(workers) < processes:
                workers.append(_start(function, waiting.pop(0), limit))
            ready = wait([worker.results for worker in workers], timeout=1.0)
            elapsed, looked = min(time.monotonic() - looked, _LONGEST_PAUSE), time.monotonic()
            for worker in list(workers):
                worker.seconds -= elapsed
                lost = ""
                if worker.results in ready:
                    try:
                        result = worker.results.recv()
                        yield worker.items.pop(0), result, ""
                        worker.seconds = limit
                    except EOFError:
                        worker.process.join()
                        lost = f"the process ended with exit code {worker.process.exitcode}"
                elif worker.seconds < 0:
                    lost = f"took longer than {limit:g} seconds"
                if worker.items and not lost:
                    continue
                workers.remove(worker)
                _stop(worker)
                if lost:
                    yield worker.items.pop(0), None, lost
                    if worker.items:
                        waiting.insert(0, worker.items)
    finally:
        for worker in workers:
            _stop(worker)


def _start(function: Callable[[Any], Any], items: list[Any], limit: float) -> _Worker:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(function, items, sender), daemon=True)
    process.start()
    sender.close()
    return _Worker(process, receiver, items, limit + _START)


def _stop(worker: _Worker) -> None:
    if not worker.items:  # done: let it tidy up
        worker.process.join(_LONGEST_PAUSE)
    worker.process.kill()
    worker.process.join()
    worker.results.close()


def _work(function: Callable[[Any], Any], items: list[Any], results: Connection) -> None:
    # The libraries say much about every model; what matters is in the result.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    for item in items:
        results.send(function(item))
    results.close()
