"""Processes that hang, crash or raise: each costs one item."""

import os
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest
import torch

from benchmarks import processes
from benchmarks.processes import map_in_processes


def fail(item):
    """End the process with an exit code, as the system does, or raise what a config's code may raise."""
    if isinstance(item, str):
        raise SystemExit(item)
    time.sleep(0.5)  # the pool has seen that the item was begun
    os._exit(item)


def owner_and_threads(item):
    return os.getpid(), torch.get_num_threads()


def test_a_crash_and_an_exception_cost_that_item_alone():
    lost = {item: why for item, _, why in map_in_processes(fail, [3, "no"], processes=1, chunk=9, limit=60)}
    assert lost == {3: "the process ended with exit code 3", "no": "SystemExit: no"}


def test_an_endless_item_costs_that_item_alone():
    started = time.monotonic()
    slept = list(map_in_processes(time.sleep, [10_000, 0.01], processes=1, chunk=9, limit=1))
    assert slept == [(10_000, None, "took longer than 1 seconds"), (0.01, None, "")]
    assert time.monotonic() - started < 60


def test_a_process_of_one_thread_takes_a_chunk_and_is_replaced():
    found = [result for _, result, _ in map_in_processes(owner_and_threads, range(3), processes=1, chunk=2, limit=60)]
    owners = [owner for owner, _ in found]
    assert [owners.count(owner) for owner in dict.fromkeys(owners)] == [2, 1]
    assert os.getpid() not in owners
    assert {threads for _, threads in found} == {1}


@pytest.mark.parametrize("sound", [2, 0])
def test_a_broken_pool_is_replaced_unless_it_has_done_nothing(sound, monkeypatch):
    """Pools that run so many items; then one of their processes dies between two items."""
    stopped = []

    class Pool:
        def __init__(self, *arguments, **options):
            self.left = sound

        def schedule(self, function, args, timeout):
            future = Future()
            if self.left:
                future.set_result(function(*args))
                self.left -= 1
            else:
                future.set_exception(BrokenProcessPool("All workers expired"))
            return future

        def stop(self):
            stopped.append(self)

        def join(self):
            assert self in stopped

    monkeypatch.setattr(processes, "ProcessPool", Pool)
    walk = map_in_processes(abs, [-1, -2, -3], processes=1, chunk=9, limit=60)
    if sound:
        assert sorted(walk) == [(-3, 3, ""), (-2, 2, ""), (-1, 1, "")]
        assert len(stopped) == 2
    else:
        with pytest.raises(BrokenProcessPool, match="before they have done anything"):
            list(walk)
        assert len(stopped) == 1
