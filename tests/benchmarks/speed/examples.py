"""Small workloads and made-up results, which several tests share."""

import torch

from benchmarks.speed.measure import Conditions
from benchmarks.speed.parity import run_once
from benchmarks.speed.registry import DIRECTIONS
from benchmarks.speed.result import Measurement, Result, Table
from benchmarks.speed.workload import make_workload

ARCH = {"depths": (1, 1, 1, 1), "channels": (8, 16, 24, 32)}


def conditions_of(benchmark, dtype=torch.float32, compiled=False):
    return Conditions(DIRECTIONS[benchmark], dtype, compiled, rounds=2, warm_up=1, least_seconds=0.05)


def workload_of(benchmark, arch=ARCH, batch_size=2, size=96):
    return make_workload(benchmark, arch, batch_size, size, None if benchmark == "backbone" else 0.6, "cpu")


def computed_by(peer, workload):
    network, images, visible = peer.prepare(workload)
    return run_once(network, network, images, visible)


def measurement(peer, seconds):
    return Measurement(
        peer, False, "what it computes", seconds, 3 * 2**20, 2**20, output_error=1e-7, gradient_error=2e-6
    )


def table(num_visible=19, ratio=0.6, missing=(), **seconds):
    rows = [measurement(name, times) for name, times in seconds.items()]
    return Table("forward+backward", 16, 224, ratio, num_visible, 49, rows, list(missing))


def result(*tables):
    settings = {"arch": "atto", "dtype": "float32"}
    machine = {"cpu": "A Processor", "threads": 2, "gpu": None}
    return Result("pretrain", "python tools/benchmark.py pretrain", settings, machine, {"torch": "2.14.1"}, [*tables])
