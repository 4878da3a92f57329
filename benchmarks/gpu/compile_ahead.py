"""Compiles the networks of the steps that follow, all at the same time, into PyTorch's cache.

    TORCHINDUCTOR_CACHE_DIR=cache python -m benchmarks.gpu.compile_ahead --seconds 110

Each program is the very command of a later step, for one peer. PyTorch also times variants of some kernels and keeps
the fastest; with other programs beside it on the card that choice is worth nothing, and it is thrown away.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.running import ROOT
from benchmarks.speed.plan import GPU_RUNS

# Run of the plan, and peer.
NETWORKS = (
    ("gpu_step_tiny", "packed"),
    ("gpu_step_tiny", "masked_dense"),
    ("gpu_step_base", "packed"),
    ("gpu_step_base", "masked_dense"),
    ("gpu_pretrain_tiny", "packed"),
    ("gpu_pretrain_tiny", "masked_dense"),
    ("gpu_pretrain_tiny", "timm"),
)
# Of an option that is given twice the last one counts.
ONCE = "--repeats 1 --least-seconds 0.01 --prepare-seconds 1000"


def list_commands() -> list[list[str]]:
    """Return what is run side by side."""
    runs = {run.name: run.arguments for run in GPU_RUNS}
    programs = [
        [sys.executable, "tools/benchmark.py", *shlex.split(f"{runs[name]} --peers {peer} {ONCE}")]
        for name, peer in NETWORKS
    ]
    return [*programs, [sys.executable, "-m", "benchmarks.gpu.training_run", "--compile", "--iterations", "2"]]


def run_all(commands: Sequence[Sequence[str]], seconds: float) -> list[str]:
    """Run commands side by side from the root of the checkout, and return what went wrong.

    Args:
        commands: The commands.
        seconds: When those that still run are ended.
    """
    end = time.monotonic() + seconds
    processes = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    complaints = []
    for command, process in zip(commands, processes, strict=True):
        try:
            status = process.wait(max(end - time.monotonic(), 0.01))
            if status:
                complaints.append(f"exit status {status}: {shlex.join(command)}")
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            complaints.append(f"not done in {seconds:g} seconds: {shlex.join(command)}")
    return complaints


def forget_choices(cache: Path) -> int:
    """Delete what PyTorch has chosen among variants of kernels, and return how many choices there were."""
    choices = list(cache.rglob("*.best_config"))
    for path in choices:
        path.unlink()
    return len(choices)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.compile_ahead", description="Fill the cache.")
    parser.add_argument("--seconds", type=float, default=110, help="when to end what still compiles")
    args = parser.parse_args(argv)
    complaints = run_all(list_commands(), args.seconds)
    if cache := os.environ.get("TORCHINDUCTOR_CACHE_DIR"):
        print(f"{forget_choices(Path(cache))} choices among variants of kernels thrown away")
    print("\n".join(complaints))
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main())
