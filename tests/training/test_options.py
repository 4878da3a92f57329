"""What the options of the commands make of a config. The runs are in tests/tools."""

import pytest

from cnxv2_mm.config.load import load_config
from cnxv2_mm.training import options
from cnxv2_mm.training.options import check_writable, drop_validation, set_loaders

RETINANET = "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py"
CONVNEXT = "mmpretrain::convnext_v2/convnext-v2-atto_32xb32_in1k.py"


def test_loaders_get_what_mmpretrain_adds_and_keep_what_they_say():
    config = load_config(CONVNEXT)
    set_loaders(config, pin_memory=True, persistent_workers=True)
    assert config.train_dataloader.collate_fn.type == "default_collate"
    assert config.train_dataloader.persistent_workers is True

    config = load_config(RETINANET, {"train_dataloader.num_workers": 0, "val_dataloader.pin_memory": True})
    set_loaders(config, pin_memory=True, persistent_workers=True)
    # torch refuses persistent workers where there are none.
    assert config.train_dataloader.persistent_workers is False
    assert config.val_dataloader.persistent_workers is True
    assert config.val_dataloader.pin_memory is True
    assert "collate_fn" not in config.train_dataloader

    set_loaders(config, pin_memory=False, persistent_workers=False)
    assert config.val_dataloader.persistent_workers is False
    assert config.val_dataloader.pin_memory is False


def test_a_working_folder_that_cannot_be_made(tmp_path, monkeypatch):
    check_writable(tmp_path / "new" / "run")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=rf"--work-dir '.*/file/run': {tmp_path}/file is a file"):
        check_writable(tmp_path / "file" / "run")
    # Whoever runs the tests may be root, who may write anywhere but on a disk that is read only.
    monkeypatch.setattr(options.os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(PermissionError, match=rf"{tmp_path} is not writable, choose another --work-dir"):
        check_writable(tmp_path / "new" / "run")


def test_validation_can_be_left_out():
    config = load_config(RETINANET)
    drop_validation(config)
    assert config.val_cfg is config.val_dataloader is config.val_evaluator is None
    assert config.test_dataloader is not None
