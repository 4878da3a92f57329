"""Commands in the environments of `make test-libraries`: a folder with libraries in front of what is installed."""

import os
import subprocess
import sys
from pathlib import Path

from tests.test_structure import ROOT

# mmyolo wants an older mmcv than the others.
FOLDERS = {"mmpose": ".libraries", "mmrotate": ".libraries", "mmyolo": ".libraries-mmyolo"}


def run_python(library: str, *arguments: str, cwd: Path = ROOT) -> str:
    """What Python prints when it is called with a library at hand, as a user calls it."""
    folder = ROOT / FOLDERS[library]
    assert folder.is_dir(), "`make test-libraries` installs the libraries"
    paths = os.pathsep.join([str(folder), str(ROOT)])
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout
