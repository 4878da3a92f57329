import pytest
import torch

from cnxv2_mm.recipes.run import run_config_file
from cnxv2_mm.recipes.run_folder import RunFolder
from tests.tools.toy_folder import CONFIG, write_folder
from tools import train


def test_it_is_cnxv2_train(tmp_path):
    images = write_folder(tmp_path / "images")
    folder = RunFolder(tmp_path / "run")
    folder.claim()
    folder.config.write_text(CONFIG.replace('data_root=""', f"data_root={str(images)!r}"))
    runner = run_config_file(folder)
    assert runner.iter == 9
    train.main([str(folder.config), "--work-dir", str(tmp_path / "other")])
    ours, other = (torch.load(path / "epoch_3.pth") for path in (folder.work, tmp_path / "other"))
    assert ours["state_dict"].keys() == other["state_dict"].keys()
    assert all(torch.equal(value, other["state_dict"][name]) for name, value in ours["state_dict"].items())
    with pytest.raises(ValueError, match="has checkpoints of an earlier run"):
        run_config_file(folder)
    assert run_config_file(folder, resume=True).iter == 9
