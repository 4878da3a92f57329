"""What libraries ship is found by name, ours in a checkout too; what is inherited from ours builds as ours does."""

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from cnxv2_mm import shipped
from cnxv2_mm.shipped import shipped_folder
from tests.test_structure import ROOT


def test_ours_are_those_of_the_checkout():
    """Linked into the package by an editable installation, or, without any, beside it."""
    for name in ("configs", "tools"):
        assert (shipped_folder("cnxv2_mm") / name).samefile(ROOT / name)


@pytest.mark.parametrize("library", ["mmdet", "mmseg", "mmpretrain"])
def test_those_of_a_library(library):
    assert (shipped_folder(library) / "tools" / "train.py").is_file()


@pytest.mark.parametrize("library", ["mmnowhere", "../mmdet", ""])
def test_a_library_that_is_not_there(library):
    with pytest.raises(ModuleNotFoundError, match="is not installed; install it or give a file"):
        shipped_folder(library)


def test_types_of_other_libraries_in_an_inherited_config_of_ours_are_found(tmp_path, monkeypatch):
    """mmengine marks what is inherited by a library's name; test_wheel.py trains such a config."""
    find = shipped._get_cfg_path

    def find_installed(path, filename):  # this checkout need not be installed
        library, mark, name = path.partition("::")
        ours = mark and library == "cnxv2_mm"
        return (str(ROOT / "configs" / name), library) if ours else find(path, filename)

    monkeypatch.setattr(shipped, "_get_cfg_path", find_installed)
    file = tmp_path / "own.py"
    file.write_text('_base_ = ["cnxv2_mm::fcmae/folder.py"]')
    config = Config.fromfile(file)
    assert config.to_dict() == Config.fromfile(ROOT / "configs/fcmae/folder.py").to_dict()
    init_default_scope(config.default_scope)
    assert type(MODELS.build(config.model.data_preprocessor)).__module__.startswith("mmpretrain")
