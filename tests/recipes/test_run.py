import pytest
import torch

from cnxv2_mm.recipes.run import refresh_page, run_config_file
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import write_settings
from tests.tools.toy_folder import CONFIG, write_folder
from tools import train


def test_it_is_cnxv2_train(tmp_path):
    images = write_folder(tmp_path / "images")
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
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


def test_the_page_is_that_of_its_own_run(tmp_path):
    """Beside the settings of the run folder; of the same config, run again elsewhere, in that place."""
    images = write_folder(tmp_path / "images")
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    hook = 'custom_hooks = [dict(type="cnxv2_mm.ReportPageHook")]\n'
    folder.config.write_text(CONFIG.replace('data_root=""', f"data_root={str(images)!r}") + hook)
    write_settings(folder, "pretrain", "cnxv2 pretrain images", [], ["cnxv2 embed run"])
    runner = run_config_file(folder)
    page = folder.report.read_text()
    assert "cnxv2 embed run" in page
    assert "encoder.safetensors" not in page
    folder.encoder.write_bytes(b"encoder")
    refresh_page(runner)
    assert "encoder.safetensors" in folder.report.read_text()

    train.main([str(folder.config), "--work-dir", str(folder.path / "by_hand")])
    assert "encoder.safetensors" in folder.report.read_text()
    assert (folder.path / "by_hand" / "report.html").is_file()
