"""The steps of ``make gpu``, what matters most first.

Their limits add up to ten minutes. What takes longest is the compiler: its networks are compiled beforehand, all at the
same time, and the steps that follow find the code in PyTorch's cache.
"""

import shlex
import sys
from pathlib import Path

from benchmarks.gpu.running import Step
from benchmarks.speed.plan import GPU_RUNS, Run

# Tests of what runs on a GPU: those that take the device as a parameter, and the folder of those of Triton programs.
# The file that runs this folder in Triton's interpreter is left out.
TESTS = ("tests/kernels", "tests/layouts", "tests/test_compile.py", "tests/test_masking.py")
SELECTED = "cuda or (triton and not test_triton)"
# A file that needs a package that the machine lacks fails, and the others are run.
PYTEST = ("--continue-on-collection-errors", "-p", "no:cacheprovider")
# Sizes at which a benchmark takes seconds on a CPU.
QUICK = "--arch atto --size 64 --batch-size 2 --repeats 1 --warm-up 1 --least-seconds 0.01 --dtype bfloat16"
# Triton's own switch: its programs run on the CPU.
INTERPRETED = ("env", "TRITON_INTERPRET=1")
# Without it cuBLAS, asked to be deterministic, refuses.
REPEATABLE = ("env", "CUBLAS_WORKSPACE_CONFIG=:4096:8")


def environment_step(device: str) -> Step:
    """Return the first step, which says what the folder is called."""
    return Step("environment", "card, driver, versions", _module("environment", "--device", device), 15)


def list_steps(device: str, quick: bool, folder: Path) -> list[Step]:
    """Return the steps behind the first.

    Args:
        device: 'cuda' or 'cpu'.
        quick: Whether the commands are tried at toy sizes.
        folder: Where they write their results.
    """
    where = ("--device", device, *(("--quick",) if quick else ()))
    kernels = _module("kernels", *where, "--json", str(folder / "kernels.json"))
    train = _module("training_run", *where)
    steps = {
        "cuda_tests": Step(
            "cuda_tests",
            "tests on the GPU",
            (sys.executable, "-m", "pytest", *TESTS, "-k", SELECTED, *PYTEST),
            65,
            needs_gpu=True,
        ),
        "kernels": Step(
            "kernels", "kernels one by one against PyTorch's", (*(INTERPRETED if quick else ()), *kernels), 45
        ),
        "compile": Step(
            "compile",
            "compiles what the steps below run",
            _module("compile_ahead", "--seconds", "110"),
            115,
            needs_gpu=True,
        ),
        "no_waiting": Step(
            "no_waiting",
            "a step, eager and compiled, never waits for the device",
            _module("training_step", "no_waiting", *where),
            30,
            needs_gpu=True,
        ),
        "deterministic": Step(
            "deterministic",
            "a step gives the same numbers twice",
            (*REPEATABLE, *_module("training_step", "deterministic", *where)),
            30,
        ),
        "train": Step("train", "tools/train.py --amp", train, 25),
        "train_compiled": Step(
            "train_compiled", "tools/train.py --amp, compiled", (*train, "--compile"), 25, needs_gpu=True
        ),
    }
    for run in GPU_RUNS:
        command = _benchmark(run, quick, folder / f"{run.name}.json")
        steps[run.name] = Step(run.name, run.title, command, LIMITS[run.name])
    return [steps[name] for name in ORDER]


ORDER = (
    "cuda_tests",
    "kernels",
    "compile",
    "gpu_step_tiny",
    "gpu_step_base",
    "no_waiting",
    "deterministic",
    "gpu_pretrain_tiny",
    "gpu_backbone_tiny",
    "gpu_pretrain_base",
    "train",
    "train_compiled",
)
LIMITS = {
    "gpu_step_tiny": 55,
    "gpu_step_base": 75,
    "gpu_pretrain_tiny": 50,
    "gpu_backbone_tiny": 40,
    "gpu_pretrain_base": 30,
}


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a module of this folder."""
    return (sys.executable, "-m", f"benchmarks.gpu.{name}", *arguments)


def _benchmark(run: Run, quick: bool, results: Path) -> tuple[str, ...]:
    """Return the command of a run of the benchmark; quick, that of its first two peers at toy sizes on the CPU."""
    words = shlex.split(run.arguments)
    if quick:
        first = words.index("--peers") + 1
        words = [words[0], *shlex.split(QUICK), "--peers", *words[first : first + 2]]
    return (sys.executable, "tools/benchmark.py", *words, "--json", str(results))
