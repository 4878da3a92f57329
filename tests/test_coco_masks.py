"""xtcocotools' compiled masks, where they do not load: an xtcocotools of the same shape is put on the path."""

import importlib
import logging
import subprocess
import sys

import numpy as np
import pycocotools._mask
import pytest

import cnxv2_mm  # noqa: F401  installs them
from tests.test_structure import ROOT

FOR_NUMPY_1 = "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility')"
DISK = np.asfortranarray((np.add.outer((np.arange(9) - 4) ** 2, (np.arange(9) - 4) ** 2) < 12)[..., None], np.uint8)


@pytest.fixture
def xtcocotools(tmp_path, monkeypatch):
    """Puts an xtcocotools with a ``_mask`` of the given source first on the path."""

    def put(source):
        folder = tmp_path / "xtcocotools"
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "mask.py").write_text("import xtcocotools._mask as _mask\nencode = _mask.encode\n")
        if source is not None:
            (folder / "_mask.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)

    def forget():
        for name in [name for name in sys.modules if name.startswith("xtcocotools")]:
            del sys.modules[name]

    forget()
    yield put
    forget()


def test_masks_for_another_numpy_are_those_of_pycocotools(xtcocotools, caplog):
    xtcocotools(FOR_NUMPY_1)
    spec = pycocotools._mask.__spec__
    with caplog.at_level(logging.WARNING):
        masks = importlib.import_module("xtcocotools.mask")
    assert masks.encode(DISK) == pycocotools._mask.encode(DISK)
    assert masks._mask.__name__ == "xtcocotools._mask"
    assert "xtcocotools._mask does not load (numpy.dtype size changed" in caplog.text
    assert pycocotools._mask.__spec__ is spec  # pycocotools' own module is left as it was


def test_masks_that_load_are_used(xtcocotools, caplog):
    xtcocotools("def encode(mask): return 'its own'")
    assert importlib.import_module("xtcocotools.mask").encode(DISK) == "its own"
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("source", "pycocotools_is_there", "error"),
    [
        (None, True, ModuleNotFoundError),  # there is none
        (FOR_NUMPY_1, False, ValueError),  # nothing can take its place
        ("1 / 0", True, ZeroDivisionError),  # not a matter of numpy
    ],
)
def test_what_is_wrong_is_raised(source, pycocotools_is_there, error, xtcocotools, monkeypatch):
    xtcocotools(source)
    if not pycocotools_is_there:
        monkeypatch.setitem(sys.modules, "pycocotools._mask", None)
    with pytest.raises(error):
        importlib.import_module("xtcocotools.mask")


def test_importing_the_package_imports_no_masks():
    code = "import cnxv2_mm, cnxv2_mm.coco_masks as m, sys; m.install(); m.install(); print(m.NAME in sys.modules, "
    code += "m.SOURCE in sys.modules, sum(isinstance(f, m.MasksFinder) for f in sys.meta_path))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["False", "False", "1"]
