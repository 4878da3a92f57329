"""Adds to the package what OpenMMLab's packages have: configs, tools and the model index in its folder ``.mim``."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# Of benchmarks/ the code, which tools/benchmark.py runs; its results stay in the repository.
SHIPPED = {"configs": "*.py", "tools": "*", "benchmarks": "*.py"}
# Writes the files of this repository, so it has no place in an installation.
FOR_DEVELOPERS = ROOT / "tools" / "model_index.py"
FILES = ("model-index.yml", "configs/metafile.yml")


class BuildWithMim(build_py):
    """Copies the folders into the wheel; an editable installation gets links to those of the checkout."""

    def run(self) -> None:
        """Build, then add the folders."""
        super().run()
        if self.editable_mode:
            _link(ROOT / "cnxv2_mm" / ".mim")
            return
        _copy(Path(self.build_lib) / "cnxv2_mm" / ".mim")


def _link(mim: Path) -> None:
    mim.mkdir(exist_ok=True)
    try:
        for name in (*SHIPPED, "model-index.yml"):
            (mim / name).unlink(missing_ok=True)
            (mim / name).symlink_to(Path("..", "..", name))
    except OSError:  # Windows without the right to make links: without .mim, our tools and configs are found beside it
        mim.rmdir()


def _copy(mim: Path) -> None:
    shutil.rmtree(mim, ignore_errors=True)  # what an earlier build left
    sources = [path for name, pattern in SHIPPED.items() for path in (ROOT / name).rglob(pattern)]
    for source in [*sources, *(ROOT / name for name in FILES)]:
        if source.is_file() and source != FOR_DEVELOPERS and "__pycache__" not in source.parts:
            target = mim / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithMim})
