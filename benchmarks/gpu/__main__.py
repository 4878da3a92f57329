"""Measure everything that is to be measured on a GPU, into one folder named after the card.

    python -m benchmarks.gpu                         # on the GPU: work_dirs/gpu/nvidia-h200/, say
    python -m benchmarks.gpu --device cpu --quick    # try every step at toy sizes, without a GPU
    python -m benchmarks.gpu --only kernels gpu_step_tiny

Each step runs in processes of its own and is ended at its time limit; when one fails the others go on. The folder gets
what each step printed, what it measured, and a summary. The exit status is 1 if a step failed or took too long.
"""

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.gpu.running import NEEDS_GPU, ROOT, Outcome, Step, run_step
from benchmarks.gpu.steps import environment_step, list_steps

# Where `make gpu-packages` and `make gpu-packages-compiled` put what the machine may lack.
PACKAGES = (".gpu-packages", ".gpu-packages-compiled")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description="Measure everything on a GPU.")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "work_dirs" / "gpu", help="gets a folder named after the card"
    )
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--quick", action="store_true", help="toy sizes, to try the steps")
    names = [step.name for step in list_steps("cuda", False, Path())]
    parser.add_argument("--only", nargs="+", choices=names, metavar="STEP", help=f"some of: {', '.join(names)}")
    args = parser.parse_args(argv)
    if (args.device == "cpu") != args.quick:
        parser.error("--device cpu and --quick go together: a CPU is timed by tools/benchmark.py")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        cache = Path(temporary)
        variables = step_variables(cache)
        outcomes = [run_step(environment_step(args.device), cache / "environment.log", variables)]
        print(line(outcomes[0]), flush=True)
        printed = (cache / "environment.log").read_text()
        if outcomes[0].is_bad:
            print(printed)
            return 1
        folder = (args.out / folder_name(read_card(printed))).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "environment.log").write_text(printed)
        for step in list_steps(args.device, args.quick, folder):
            if args.only is None or step.name in args.only:
                outcomes.append(run_or_leave(step, args.device, folder, variables))
                print(line(outcomes[-1]), flush=True)
                write_summary(outcomes, folder)
    print(f"In {folder}")
    return int(any(one.is_bad for one in outcomes))


def run_or_leave(step: Step, device: str, folder: Path, variables: Mapping[str, str]) -> Outcome:
    """Run a step, unless it needs a GPU and there is none."""
    if step.needs_gpu and device == "cpu":
        return Outcome(step.name, step.what, 0.0, NEEDS_GPU)
    return run_step(step, folder / f"{step.name}.log", variables)


def step_variables(cache: Path) -> dict[str, str]:
    """Return the environment variables of the steps.

    Args:
        cache: A folder for compiled code, which one step leaves to the next.
    """
    # The packages that travelled with the checkout come first.
    folders = [str(ROOT), *(str(ROOT / name) for name in PACKAGES if (ROOT / name).is_dir())]
    given = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*folders, *([given] if given else [])]),
        "PYTHONUNBUFFERED": "1",  # what a step printed is in its log, also if it is killed
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
    }


def read_card(printed: str) -> str:
    """Return the name of the card from what the first step printed: a JSON object, and warnings of libraries."""
    return json.loads(printed[printed.index("{\n") : printed.rindex("}") + 1])["card"]


def folder_name(card: str) -> str:
    """Return the name of a card as that of a folder: 'NVIDIA H200' is 'nvidia-h200'."""
    return re.sub(r"[^a-z0-9]+", "-", card.lower()).strip("-")


def write_summary(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write ``summary.json`` and ``summary.txt``; after every step, since the machine may be taken away."""
    (folder / "summary.json").write_text(json.dumps([asdict(one) for one in outcomes], indent=1) + "\n")
    (folder / "summary.txt").write_text("".join(f"{line(one)}\n" for one in outcomes))


def line(one: Outcome) -> str:
    """Return an outcome as a line of the summary."""
    detail = f"  {one.detail}" if one.detail else ""
    return f"{one.step:18} {one.seconds:6.1f} s  {one.outcome:11}  {one.what}{detail}"


if __name__ == "__main__":
    sys.exit(main())
