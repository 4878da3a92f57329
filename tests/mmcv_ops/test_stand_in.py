import importlib
import pickle
import pkgutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

import mmcv.ops
import pytest
import torch

from cnxv2_mm.mmcv_ops import install, stand_in


def is_mmcv(name):
    return name.split(".")[0] == "mmcv"


@pytest.fixture
def toy_mmcv(tmp_path, monkeypatch):
    """An empty package named mmcv, not yet imported, in a process where the stand-in was never installed."""
    mine = {name: module for name, module in sys.modules.items() if is_mmcv(name)}
    for name in mine:
        del sys.modules[name]
    finders = [finder for finder in sys.meta_path if not isinstance(finder, stand_in.StandInFinder)]
    monkeypatch.setattr(sys, "meta_path", finders)
    package = tmp_path / "mmcv"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for name in [name for name in sys.modules if is_mmcv(name)]:
        del sys.modules[name]
    sys.modules.update(mine)


class TestInstall:
    def test_supplies_the_missing_module_without_importing_mmcv(self, toy_mmcv):
        assert install()
        assert "mmcv" not in sys.modules
        ext = importlib.import_module("mmcv._ext")
        assert isinstance(ext, stand_in.StandIn)
        assert sys.modules["mmcv"]._ext is ext

    def test_can_be_repeated(self, toy_mmcv):
        assert install()
        assert install()
        assert sum(isinstance(finder, stand_in.StandInFinder) for finder in sys.meta_path) == 1

    def test_leaves_a_compiled_module_alone(self, toy_mmcv):
        (toy_mmcv / "_ext.py").write_text("nms = 'compiled'")
        finders = list(sys.meta_path)
        assert not install()
        assert importlib.import_module("mmcv._ext").nms == "compiled"
        assert sys.meta_path == finders
        assert not install()

    def test_replaces_a_compiled_module_that_does_not_load_and_says_why(self, toy_mmcv):
        (toy_mmcv / "_ext.py").write_text("raise ImportError('undefined symbol: _ZN2at')")
        with pytest.warns(RuntimeWarning, match=r"_ext\.py could not be loaded \(undefined symbol: _ZN2at\)") as warned:
            assert install()
        assert install()
        assert len(warned) == 1
        assert isinstance(importlib.import_module("mmcv._ext"), stand_in.StandIn)

    def test_replaces_a_damaged_shared_library(self, toy_mmcv):
        (toy_mmcv / f"_ext{EXTENSION_SUFFIXES[0]}").write_text("not a library")
        with pytest.warns(RuntimeWarning, match="could not be loaded"):
            assert install()
        assert isinstance(importlib.import_module("mmcv._ext"), stand_in.StandIn)

    def test_does_not_hide_an_error_of_mmcv_itself(self, toy_mmcv):
        (toy_mmcv / "__init__.py").write_text("import no_such_library")
        (toy_mmcv / "_ext.py").touch()
        with pytest.raises(ModuleNotFoundError, match="no_such_library"):
            install()

    def test_does_nothing_without_mmcv(self, toy_mmcv, monkeypatch):
        monkeypatch.setattr(sys, "path", [])
        finders = list(sys.meta_path)
        assert not install()
        assert sys.meta_path == finders


class TestStandIn:
    @pytest.mark.parametrize("name", stand_in.IMPLEMENTED_IN)
    def test_every_name_in_the_table_is_a_function_that_pickles(self, name):
        ext = importlib.import_module("mmcv._ext")
        operator = getattr(ext, name)
        assert operator.__name__ == name
        assert pickle.loads(pickle.dumps(operator)) is operator
        assert name in dir(ext)

    def test_an_operator_it_lacks_says_so_when_called(self):
        with pytest.raises(NotImplementedError, match=r"'border_align_forward' .*Build mmcv from source"):
            mmcv.ops.border_align(torch.rand(1, 4, 3, 3), torch.rand(1, 9, 4), 2)

    def test_an_operator_it_lacks_pickles(self):
        missing = importlib.import_module("mmcv._ext").border_align_forward
        assert pickle.loads(pickle.dumps(missing)).name == "border_align_forward"

    @pytest.mark.parametrize("name", ["__wrapped__", "__path__", "_private"])
    def test_has_no_private_names(self, name):
        assert not hasattr(importlib.import_module("mmcv._ext"), name)

    def test_is_found_as_mmcv_and_mmengine_look_for_it(self):
        """mmengine: importlib.util.find_spec; mmcv: pkgutil.find_loader, which wants a loader."""
        assert find_spec("mmcv._ext").loader is not None
        assert "mmcv_ops" in find_spec("mmcv._ext").origin
        if sys.version_info < (3, 12):
            assert pkgutil.find_loader("mmcv._ext") is not None

    def test_training_logs_say_who_supplies_the_operators(self):
        assert "cnxv2_mm" in mmcv.ops.get_compiler_version()
        assert mmcv.ops.get_compiling_cuda_version() == "not compiled"


def test_openmmlab_imports_in_a_fresh_process():
    """The most reported problem of these libraries: `import mmdet.models` without compiled operators."""
    program = (
        "import cnxv2_mm, mmdet.models, mmseg.models, mmpretrain.models\n"
        "from mmengine.utils.dl_utils.misc import mmcv_full_available\n"
        "assert mmcv_full_available()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
