"""The short file is loaded back as the config that was swapped: the property that all else rests on."""

import pytest
from mmengine.config import Config

from cnxv2_mm.config.literal import LINE
from cnxv2_mm.config.load import shipped_config
from cnxv2_mm.swap import short_config, swap_config
from tests.stock_mmengine import read_by_stock_mmengine
from tests.swap.published import CONFIGS, without_scopes


@pytest.fixture(scope="module")
def swapped(tmp_path_factory):
    """Name -> the swapped config, the file that was written of it, and what mmengine alone reads in that file."""
    folder = tmp_path_factory.mktemp("swapped")
    files = {}
    for i, name in enumerate(CONFIGS):
        swap = swap_config(name, "atto", checkpoint="none")
        file = folder / f"{i}.py"
        file.write_text(short_config(swap.config, name, folder, swap.notes))
        files[name] = (swap.config, file)
    read = read_by_stock_mmengine(file for _, file in files.values())
    return {name: (*files[name], config) for name, config in zip(files, read, strict=True)}


@pytest.mark.parametrize("name", CONFIGS)
def test_mmengine_alone_reads_the_swapped_config(name, swapped):
    config, file, read = swapped[name]
    assert without_scopes(read) == without_scopes(config.to_dict())
    text = file.read_text()
    assert len(max(text.splitlines(), key=len)) <= LINE
    assert str(shipped_config(name).parents[3]) not in text  # the file is read on any machine


def test_a_function_that_makes_batches_is_called_without_a_scope(tmp_path):
    """mmengine would hand it one if the file inherited by the library's name."""
    name = "mmpretrain::simsiam/simsiam_resnet50_8xb32-coslr-100e_in1k.py"
    swap = swap_config(name, "atto", checkpoint="none")
    file = tmp_path / "swapped.py"
    file.write_text(short_config(swap.config, name, tmp_path, swap.notes))
    (tmp_path / "by_name.py").write_text(f'_base_ = ["{name}"]')
    read, by_name = read_by_stock_mmengine([file, tmp_path / "by_name.py"])
    assert read == swap.config.to_dict()
    assert read["train_dataloader"]["collate_fn"] == {"type": "default_collate"}
    assert by_name["train_dataloader"]["collate_fn"] == {"type": "default_collate", "_scope_": "mmpretrain"}


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
