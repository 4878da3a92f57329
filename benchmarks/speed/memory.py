"""Tensor memory alive at its peak, and what autograd keeps for the backward pass.

On CUDA the caching allocator counts what is allocated. On the CPU PyTorch's profiler reports each allocation and each
release of its CPU allocator, from which tensors, temporaries of operators and oneDNN's scratch memory come; their
running sum is exact and has nothing to do with what the C library keeps in its own caches, which is what the
resident set of the process would mostly show. Memory that other libraries take past that allocator (thread stacks,
MKL's packing buffers, MinkowskiEngine's coordinate maps) is not seen.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile


def peak_memory(call: Callable[[], None], device: torch.device) -> int:
    """Return the bytes alive at the peak of a call, beyond what was alive before it (weights, images)."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    with _quiet(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    return peak_of_changes(_read_changes(profiler))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the profiler's C++ library from writing two lines to the error stream each time."""
    sys.stderr.flush()
    stream, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stream, 2)
        os.close(stream)
        os.close(nowhere)


def peak_of_changes(changes: Sequence[int]) -> int:
    """Return the largest running sum of bytes allocated (positive) and released (negative)."""
    alive = peak = 0
    for change in changes:
        alive += change
        peak = max(peak, alive)
    return peak


def _read_changes(profiler: profile) -> list[int]:
    """Return the bytes of each allocation (positive) and release (negative), in order of time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    memory = [event for event in events if event.get("name") == "[memory]" and event["args"]["Device Type"] == 0]
    return [event["args"]["Bytes"] for event in sorted(memory, key=lambda event: event["ts"])]


def saved_for_backward(forward: Callable[[], object], parameters: Sequence[Tensor]) -> int:
    """Return the bytes that the graph of ``forward`` keeps, each storage once, without the parameters."""
    storages: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        result = forward()  # alive to the end, and with it all that it keeps: no address is used twice
    known = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    del result
    return sum(size for address, size in storages.items() if address not in known)
