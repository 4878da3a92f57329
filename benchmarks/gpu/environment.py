"""What ran the measurements: the card, its driver, the versions. Printed as JSON."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

import torch

from benchmarks.speed.environment import describe_machine, describe_versions


def describe(device: str) -> dict[str, object]:
    """Return what runs the measurements on a device.

    Raises:
        ValueError: The device is 'cuda', and PyTorch sees no GPU.
    """
    machine = describe_machine(torch.device("cpu"))
    card: dict[str, object] = {"card": str(machine["cpu"])}
    if device == "cuda":
        if not torch.cuda.is_available():
            raise ValueError("--device cuda: PyTorch sees no GPU here; check the driver, or try --device cpu --quick")
        found = torch.cuda.get_device_properties(0)
        machine = describe_machine(torch.device("cuda"))
        card = {
            "card": found.name,
            "capability": f"{found.major}.{found.minor}",
            "memory_gib": round(found.total_memory / 2**30, 1),
            "multiprocessors": found.multi_processor_count,
            "driver": _driver(),
            "cudnn": torch.backends.cudnn.version(),
        }
    return {**card, "machine": machine, "versions": describe_versions()}


def _driver() -> str | None:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True, timeout=10).stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return None


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.environment", description=__doc__)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    args = parser.parse_args(argv)
    try:
        print(json.dumps(describe(args.device), indent=1))
    except ValueError as error:
        sys.exit(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
