"""Triton's programs compute what PyTorch's operations do, in Triton's interpreter: runs ``tests/kernels/triton``."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.test_structure import ROOT


def test_the_programs_pass_their_tests_in_the_interpreter():
    command = [sys.executable, "-m", "pytest", "tests/kernels/triton", "-p", "no:cacheprovider", "-p", "no:xdist"]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    for name in ("CNXV2_MM_TRITON", "PYTEST_ADDOPTS"):
        environment.pop(name, None)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    expected = pytest.ExitCode.OK if find_spec("triton") else pytest.ExitCode.NO_TESTS_COLLECTED
    assert done.returncode == expected, done.stdout + done.stderr
