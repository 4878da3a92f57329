"""Code that is run with the mock of CUDA, in a process of its own."""

import json
import subprocess
import sys
from typing import Any

from benchmarks.traffic import mock_cuda


def with_mock(code: str) -> Any:
    """Run Python code that prints JSON in its last line, and return that."""
    code += "\nfrom benchmarks.traffic import mock_cuda\nmock_cuda.leave()\n"
    command = [sys.executable, "-W", "ignore", "-c", code]
    run = subprocess.run(command, env=mock_cuda.environment(), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])
