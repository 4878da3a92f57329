"""Where a measurement was made: processor, GPU, versions."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import cnxv2_mm
from cnxv2_mm.machine import processor_name, usable_cores

# By import name: the maintained packages of OpenMMLab and the original ones, of which one is installed.
DISTRIBUTIONS = {
    "torch": ("torch",),
    "torchvision": ("torchvision",),
    "pillow": ("pillow",),
    "opencv": ("opencv-python", "opencv-python-headless"),
    "timm": ("timm",),
    "mmpretrain": ("onedl-mmpretrain", "mmpretrain"),
    "mmcv": ("onedl-mmcv", "mmcv", "mmcv-lite"),
    "MinkowskiEngine": ("MinkowskiEngine",),
}

# Files that a measurement writes: they are no part of the code that is measured.
RESULTS = (
    "benchmarks/speed/results",
    "benchmarks/loading/results.*",
    "benchmarks/export/results.json",
    "docs/export.md",
    "benchmarks/gpu_traffic.json",
    "benchmarks/README.md",
    "benchmarks/swap/coverage.*",
    "docs/images",
)


def describe_machine(device: torch.device) -> dict[str, str | int | None]:
    """Return what ran the measurement. ``gpu`` is None on the CPU."""
    cuda = device.type == "cuda"
    return {
        "cpu": processor_name(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name(device) if cuda else None,
        "cuda": torch.version.cuda if cuda else None,
        "system": f"{platform.system()} {platform.machine()}",
    }


def describe_versions() -> dict[str, str | None]:
    """Return versions by import name; None for what is not installed."""
    found = {"cnxv2_mm": cnxv2_mm.__version__, "commit": _commit(), "python": platform.python_version()}
    return found | {name: _first_version(packages) for name, packages in DISTRIBUTIONS.items()}


def _first_version(packages: tuple[str, ...]) -> str | None:
    for package in packages:
        try:
            return version(package) + (f" ({package})" if package.startswith("onedl") else "")
        except PackageNotFoundError:
            continue
    return None


def _commit() -> str | None:
    """Return the commit of the checkout that is measured, with 'changed' behind it if its code differs."""
    excluded = [f":(top,exclude){path}" for path in RESULTS]
    git = ["git", "-C", str(Path(cnxv2_mm.__file__).parent)]
    try:
        head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "--", ":/", *excluded],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + (" changed" if changes.stdout.strip() else "")
