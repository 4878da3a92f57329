"""What machine this is: processor, cores, memory, GPU."""

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

_CPU_INFO = Path("/proc/cpuinfo")
# The limit of a container, in bytes; "max" where there is none. Version 2 of Linux's control groups, and version 1.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class Machine:
    """What a training may use.

    Attributes:
        processor: The name of the processor.
        cores: How many of its cores this process may use.
        memory: Bytes of main memory, at most those that the container may use.
        gpus: The names of the CUDA devices that this process sees.
        gpu_memory: Bytes of memory of the first of them; 0 without one.
    """

    processor: str
    cores: int
    memory: int
    gpus: tuple[str, ...]
    gpu_memory: int

    def __str__(self) -> str:
        gibibytes = f"{self.memory / 2**30:.0f} GiB of memory"
        gpus = f", {len(self.gpus)} x {self.gpus[0]} of {self.gpu_memory / 2**30:.0f} GiB" if self.gpus else ", no GPU"
        return f"{self.processor}, {self.cores} core{'s' if self.cores > 1 else ''}, {gibibytes}{gpus}"


def this_machine() -> Machine:
    """Return what this machine is."""
    gpus = tuple(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
    return Machine(
        processor=processor_name(),
        cores=usable_cores(),
        memory=_memory(),
        gpus=gpus,
        gpu_memory=torch.cuda.get_device_properties(0).total_memory if gpus else 0,
    )


def processor_name() -> str:
    """Return the name of the processor, as the system tells it; 'unknown' if it does not."""
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> int:
    amounts = []
    with suppress(ValueError, OSError, AttributeError):  # Windows
        amounts.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for limit in _LIMITS:
        with suppress(ValueError, OSError):
            amounts.append(int(limit.read_text()))
    return min(amounts, default=0)
