"""The rules of the house: who may import whom, and how long a file may get."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cnxv2_mm"

# From the bottom up: a file imports rows above it (or its own folder), never one below. CONTRIBUTING.md shows the same.
ROWS = [
    "version",
    "command_line",
    "shipped",
    "whole_file",
    "machine",
    "web_page",
    "arguments",
    "mmcv_ops",
    "coco_masks",
    "registry",
    "images",
    "variants",
    "kernels",
    "layers",
    "masking",
    "layouts",
    "feature_norms",
    "layer_depth",
    "init_cfg",
    "backbone",
    "necks",
    "decoders",
    "fcmae",
    "zoo",
    "checkpoints",
    "config",
    "analysis",
    "prediction",
    "training",
    "run_report",
    "swap",
    "export",
    "recipes",
    "__main__",
]
ALLOWED = {
    "torch",
    "torchvision",
    "mmengine",
    "mmcv",
    "numpy",
    "rich",
    "safetensors",
    "filelock",
    "PIL",
    "cnxv2_mm",
    *sys.stdlib_module_names,
}
# What a single file may import besides, when it is asked to.
ON_REQUEST = {
    "kernels/gpu/gelu_grn.py": {"triton"},
    "kernels/gpu/layer_norm.py": {"triton"},
    "kernels/gpu/small_tensors.py": {"triton"},
    "kernels/gpu/tile_depthwise.py": {"triton"},
    "layouts/minkowski_engine.py": {"MinkowskiEngine"},
    "web_page/plot_file.py": {"matplotlib"},
    "images/formats.py": {"tifffile"},
    "images/read.py": {"tifffile"},
    "analysis/report/plots.py": {"matplotlib"},
    "recipes/finetuning/quiet_coco.py": {"pycocotools"},
    "checkpoints/hugging_face_hub.py": {"huggingface_hub"},
    "prediction/drawing.py": {"matplotlib"},
    "prediction/masks.py": {"pycocotools"},
    "prediction/table.py": {"pyarrow"},
    "prediction/tiles.py": {"sahi"},
    "run_report/plots.py": {"matplotlib"},
    "export/models": {"mmdet", "mmseg", "mmpretrain"},
}


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports when it runs; those for type checkers alone do not count."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the full name"
            names.add(node.module)
    return names


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_rows_above_it(path):
    row = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert row in ROWS, f"{row} has no place in the order of the package"
    for name in imports(path):
        place = path.relative_to(PACKAGE)
        allowed = ALLOWED.union(*(ON_REQUEST.get(part.as_posix(), set()) for part in (place, place.parent)))
        assert name.split(".")[0] in allowed, f"{path.name} imports {name}"
        if name.startswith("cnxv2_mm."):
            other = name.split(".")[1]
            assert other == row or ROWS.index(other) < ROWS.index(row), f"{row} imports {other}, which is below it"


def test_every_row_exists():
    assert {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES} == set(ROWS)


def test_contributing_shows_the_same_order():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| `cnxv2_mm/(\w+)(?:\.py|/)` \|", text, flags=re.MULTILINE)
    assert rows == [row for row in ROWS if row != "version"]


def test_importing_the_package_leaves_alone_what_is_imported_on_request(tmp_path):
    for name in set().union(*ON_REQUEST.values()):
        # mmengine tries to import transformers, which imports huggingface_hub; torch tries to
        # import triton, and mmcv tifffile.
        error = "ImportError" if name in ("huggingface_hub", "triton", "tifffile") else "AssertionError"
        (tmp_path / f"{name}.py").write_text(f"raise {error}('imported without being asked for')")
    code = "import cnxv2_mm, cnxv2_mm.layouts; cnxv2_mm.layouts.find_masked_layout('packed')"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}, check=True)


def test_no_file_is_longer_than_400_lines():
    folders = ("cnxv2_mm", "benchmarks", "demo", "examples", "tools", "tests", "configs")
    files = [p for folder in folders for p in (ROOT / folder).rglob("*.py")]
    assert [p.name for p in files if len(p.read_text().splitlines()) > 400] == []


def test_tests_mirror_the_package():
    """Each file of the package, of benchmarks/, demo/ and examples/ has a test file at the same place under tests/."""
    missing = []
    for path in MODULES:
        place = path.relative_to(PACKAGE)
        if path.name == "__init__.py" or place.name in ("version.py", "registry.py", "base.py"):
            continue
        if not (ROOT / "tests" / place.with_name(f"test_{place.stem.strip('_')}.py")).is_file():
            missing.append(str(place))
    for folder in ("benchmarks", "demo", "examples"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = path.relative_to(ROOT)
            test = ROOT / "tests" / place.with_name(f"test_{place.stem.strip('_')}.py")
            if path.name != "__init__.py" and not test.is_file():
                missing.append(str(place))
    assert missing == []
