"""Adds to the package what OpenMMLab's packages have: configs, tools and the model index in its folder ``.mim``."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# Of benchmarks/ the code, which tools/benchmark.py runs; its results stay in the repository.
SHIPPED = {"configs": "*.py", "tools": "*", "benchmarks": "*.py"}
FILES = ("model-index.yml", "configs/metafile.yml")


class BuildWithMim(build_py):
    """Copies the folders into the wheel; an editable installation gets links to those of the checkout."""

    def run(self) -> None:
        """Build, then add the folders."""
        super().run()
        if self.editable_mode:
            mim = ROOT / "cnxv2_mm" / ".mim"
            mim.mkdir(exist_ok=True)
            for name in (*SHIPPED, "model-index.yml"):
                (mim / name).unlink(missing_ok=True)
                (mim / name).symlink_to(Path("..", "..", name))
            return
        sources = [path for name, pattern in SHIPPED.items() for path in (ROOT / name).rglob(pattern)]
        for source in [*sources, *(ROOT / name for name in FILES)]:
            if source.is_file() and "__pycache__" not in source.parts:
                target = Path(self.build_lib) / "cnxv2_mm" / ".mim" / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithMim})
