import pytest
from mmengine.config import Config

from cnxv2_mm.config.literal import LINE
from cnxv2_mm.config.load import load_config
from cnxv2_mm.recipes.write_config import Section, config_text

VALUES = {"model": {"type": "X", "sizes": (1, 2)}, "data_root": 'C:\\a "b"\n', "rate": 1e-05, "layers": list(range(80))}


def test_mmengine_reads_what_was_written(tmp_path):
    file = tmp_path / "config.py"
    file.write_text(
        config_text("A test.\n" + "word " * 60, [], [Section("why it is so", VALUES)]).replace("_base_ = []\n", "")
    )
    assert Config.fromfile(file).to_dict() == VALUES
    assert max(map(len, file.read_text().splitlines())) <= LINE


def test_it_inherits(tmp_path):
    file = tmp_path / "config.py"
    section = Section("fewer epochs", {"train_cfg": {"max_epochs": 3}})
    file.write_text(config_text("A test", ["cnxv2_mm::fcmae/folder.py"], [section]))
    config = load_config(str(file))
    assert config.train_cfg.max_epochs == 3
    assert config.model.type == "cnxv2_mm.FCMAE"


def test_a_name_with_odd_characters_stays_in_its_comment(tmp_path):
    file = tmp_path / "config.py"
    file.write_text(config_text('my """ folder\nimport os', [], [Section('"""\r\nx = 1', {"y": 2})]))
    assert Config.fromfile(file).to_dict() == {"y": 2}


def test_a_name_has_one_place():
    sections = [Section("a", {"model": {}}), Section("b", {"model": {}})]
    with pytest.raises(ValueError, match="the config has model twice"):
        config_text("A test", [], sections)
