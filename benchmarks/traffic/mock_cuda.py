"""Python as if a GPU were there: a mock of the CUDA runtime, and a CUDA driver in which nothing works.

That is enough for fake tensors on 'cuda', their autograd, and Inductor's code generation. A call that would need the
device says so on the standard error.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import torch

SOURCE = Path(__file__).with_name("runtime.c")
ROOT = Path(__file__).parents[2]
# Libraries of PyTorch that link functions of the CUDA driver.
LINKED = ("libcaffe2_nvrtc.so", "libtorch_cuda.so", "libtorch_python.so")
# The environment variable of a process that has the mock.
MARK = "CNXV2_MM_MOCK_CUDA"


def find_problem() -> str | None:
    """Return in a line why there can be no mock on this machine, or None."""
    if torch.version.cuda is None:
        return f"torch {torch.__version__} was built without CUDA; install a CUDA build (no GPU is needed)"
    if not sys.platform.startswith("linux"):
        return f"the mock of CUDA is preloaded, which works on Linux only, not on {sys.platform}"
    missing = [name for name in ("gcc", "nm") if shutil.which(name) is None]
    if missing:
        return f"{' and '.join(missing)} not found; install them: apt-get install gcc binutils"
    try:
        list(find_headers())
    except ImportError as error:
        return str(error)
    return None


def find_headers() -> Iterator[Path]:
    """Yield the folders with CUDA's headers of the version that torch was built for, then those that come with Triton.

    Raises:
        ImportError: There are none.
    """
    site = Path(torch.__file__).parents[1]
    # nvidia/cuda_runtime/include with the packages of CUDA 12, nvidia/cu13/include with those of CUDA 13
    major = str(torch.version.cuda).partition(".")[0]
    found = [header.parent for header in sorted(site.glob("nvidia/*/include/cuda_runtime_api.h"))]
    found = [folder for folder in found if folder.parent.name in ("cuda_runtime", f"cu{major}")]
    if not found:
        raise ImportError(
            f"CUDA's headers are not in {site / 'nvidia'}; torch's wheels from PyPI bring them (nvidia-cuda-runtime)"
        )
    yield from found
    yield from site.glob("triton/backends/nvidia/include")


def environment() -> dict[str, str]:
    """Return the environment in which Python takes the mock for a GPU; build the mock if it is not there.

    Raises:
        ImportError: There can be none on this machine; says why in a line.
    """
    problem = find_problem()
    if problem is not None:
        raise ImportError(problem)
    folder = build()
    return {
        **os.environ,
        "LD_PRELOAD": str(folder / "libruntime.so"),
        "LD_LIBRARY_PATH": str(folder),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TRITON_CACHE_DIR": str(folder / "triton"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        MARK: "1",
    }


def is_there() -> bool:
    """Whether this process has the mock."""
    return os.environ.get(MARK) == "1"


def leave() -> NoReturn:
    """End a process that has the mock, and has succeeded, at once.

    At the end of the interpreter PyTorch's threads, which wait for a device that is not there, sometimes abort it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def build() -> Path:
    """Compile the mock into a folder of the user's cache, unless it is there, and return the folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = hashlib.sha256(SOURCE.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:12]
    folder = cache / "cnxv2_mm" / "mock_cuda" / f"torch-{torch.__version__}-{version}"
    if (folder / "libcuda.so.1").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    includes = [f"-I{path}" for path in find_headers()]
    with tempfile.TemporaryDirectory(dir=folder) as building:
        driver = Path(building, "driver.c")
        driver.write_text(_driver_source())
        for source, name in ((SOURCE, "libruntime.so"), (driver, "libcuda.so.1")):
            command = ["gcc", "-shared", "-fPIC", "-w", *includes, str(source), "-o", str(Path(building, name))]
            subprocess.run(command, check=True)
            os.replace(Path(building, name), folder / name)  # at once: other processes may do the same
    return folder


def _driver_source() -> str:
    """Return C code of every function of the driver that PyTorch links; but for one, they all fail."""
    names = set()
    for library in LINKED:
        path = Path(torch.__file__).parent / "lib" / library
        symbols = subprocess.run(["nm", "-D", str(path)], capture_output=True, text=True, check=True).stdout
        for line in symbols.splitlines():
            name = line.split()[-1].partition("@")[0]
            if " U cu" in line and name[2:3].isupper():
                names.add(name)
    lines = ["#include <stdio.h>"]
    for name in sorted(names - {"cuDevicePrimaryCtxGetState"}):
        lines.append(f'int {name}() {{ fprintf(stderr, "mock of CUDA: {name} was called\\n"); return 100; }}')
    lines.append("int cuDevicePrimaryCtxGetState(int d, unsigned *f, int *a) { *f = 0; *a = 0; return 0; }")
    return "\n".join(lines) + "\n"
