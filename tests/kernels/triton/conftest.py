"""These tests run Triton's programs: on a GPU, or on the CPU in Triton's interpreter, which has to be asked for before
Triton is imported, so in a process of its own (``tests/kernels/test_triton.py``). Elsewhere they are not collected."""

import os
from importlib.util import find_spec

import pytest
import torch

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
collect_ignore_glob = [] if find_spec("triton") and (INTERPRETED or torch.cuda.is_available()) else ["test_*.py"]


@pytest.fixture
def device() -> str:
    return "cpu" if INTERPRETED else "cuda"
