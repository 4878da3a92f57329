"""These tests run Triton's programs: on a GPU, or on the CPU in Triton's interpreter, which has to be asked for before
Triton is imported, so in a process of its own (``tests/kernels/test_triton.py``). Elsewhere they are not collected."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
import torch

# Deterministic algorithms need it of CUDA's matrix products, before the first of them.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
collect_ignore_glob = [] if find_spec("triton") and (INTERPRETED or torch.cuda.is_available()) else ["test_*.py"]


@pytest.fixture
def device() -> str:
    return "cpu" if INTERPRETED else "cuda"


@pytest.fixture(autouse=True)
def memory_without_numbers() -> Iterator[None]:
    """New memory is filled with NaN, as PyTorch does for deterministic algorithms.

    What a program forgets to write could otherwise be right: the memory of an earlier result is used again.
    """
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
