"""The short file is loaded back as the config that was swapped: the property that all else rests on."""

import pytest
from mmengine.config import Config

from cnxv2_mm.runner_config import load_config
from cnxv2_mm.swap import short_config, swap_config
from tests.swap.published import CONFIGS, without_scopes


@pytest.mark.parametrize("name", CONFIGS)
def test_the_file_loads_as_the_swapped_config(name, tmp_path):
    swapped = swap_config(name, "atto", checkpoint="none")
    file = tmp_path / "new.py"
    file.write_text(short_config(swapped.config, name, tmp_path, swapped.notes))
    loaded = load_config(str(file))
    assert without_scopes(loaded.to_dict()) == without_scopes(swapped.config.to_dict())


def test_a_file_is_inherited_by_its_path_from_the_new_one(tmp_path, monkeypatch):
    old = tmp_path / "mine" / "old.py"
    old.parent.mkdir()
    old.write_text("a = dict(b=1, c=[1, 2], d=dict(e=(1,)))\nf = None\n")
    new = Config({"a": {"b": 2, "c": [1, 2], "d": {"e": (1,)}}, "f": {"g": 1}})
    text = short_config(new, str(old), tmp_path / "yours", ["why: " + 40 * "word "])
    lines = text.splitlines()
    assert lines[0].startswith("# - why: word")
    assert lines[1].startswith("#   word")
    assert lines[2:] == ['_base_ = ["../mine/old.py"]', "a = dict(b=2)", "f = dict(_delete_=True, g=1)"]
    (tmp_path / "yours").mkdir()
    (tmp_path / "yours" / "new.py").write_text(text)
    monkeypatch.chdir(tmp_path)  # the path does not depend on where one stands
    assert Config.fromfile("yours/new.py").to_dict() == new.to_dict()
