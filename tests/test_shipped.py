"""What libraries ship is found by name, ours in a checkout too; what is inherited from ours builds as ours does."""

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

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


@pytest.mark.parametrize(
    ("path", "library"),
    [("fcmae/folder.py", "cnxv2_mm"), ("imagenet/convnextv2-tiny_32xb32-300e_in1k.py", "mmpretrain")],
)
def test_a_config_that_inherits_ours_by_name_is_ours(path, library, tmp_path):
    """mmengine marks what is inherited as the library's, but ours uses other libraries' types (see test_wheel.py)."""
    file = tmp_path / "own.py"
    file.write_text(f'_base_ = ["cnxv2_mm::{path}"]')
    config = Config.fromfile(file)
    assert config.to_dict() == Config.fromfile(ROOT / "configs" / path).to_dict()
    init_default_scope(config.default_scope)
    assert type(MODELS.build(config.model.data_preprocessor)).__module__.startswith(library)
