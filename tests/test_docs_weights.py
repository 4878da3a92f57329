"""What docs/weights.md shows is what the commands print, and its tables have every dialect, source and training."""

import logging
import re

import pytest
import torch
from mmengine.logging import MMLogger

from cnxv2_mm import FCMAE, ConvNeXtV2, zoo
from cnxv2_mm.checkpoints import DIALECTS
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool
from tests.zoo.test_convnext_weights import LEFT_OUT

TEXT = (ROOT / "docs" / "weights.md").read_text()
SHOWN = re.findall(r"```python\n(# .*?)```", TEXT, flags=re.DOTALL)
LIST, LOG, CONVERSION = re.findall(r"```text\n(.*?)```", TEXT, flags=re.DOTALL)
CHECKPOINT = "work_dirs/my_pretraining/epoch_100.pth"


def lines(text):
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.fixture
def pre_trained(tmp_path, monkeypatch):
    """What a pre-training of an atto leaves behind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / CHECKPOINT).parent.mkdir(parents=True)
    state = FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": "atto"}).state_dict()
    torch.save({"state_dict": state, "meta": {}}, CHECKPOINT)


def test_the_list_is_what_the_command_prints(capsys):
    load_tool("zoo").main(["list", "--task", "detection", "--commercial", "--size", "tiny"])
    assert lines(LIST) == lines(capsys.readouterr().out)


def test_the_config_is_what_the_command_prints(capsys):
    load_tool("zoo").main(["show", "convnext_tiny.dinov3_lvd1689m"])
    (shown,) = SHOWN
    assert lines(shown) == lines(capsys.readouterr().out)


def test_every_weight_is_counted_and_every_licence_named():
    (count,) = re.findall(r"that our network can hold, (\d+) in all", TEXT)
    assert int(count) == len(zoo.WEIGHTS)
    licences = TEXT.split("## Licence")[1].split("\n## ")[0]
    assert all(licence in licences for licence in zoo.COMMERCIAL)


def test_what_is_left_out_is_named():
    left_out = TEXT.split("Not in the zoo")[1]
    assert set(re.findall(r"`(\w*convnext\w*)`", left_out)) == set(LEFT_OUT)


def test_the_conversion_is_what_the_command_prints(pre_trained, capsys):
    load_tool("convert_checkpoint").main([CHECKPOINT, "encoder.safetensors", "--to", "timm"])
    assert lines(CONVERSION) == lines(capsys.readouterr().out)


def test_the_log_is_what_loading_says(pre_trained, caplog):
    logger = MMLogger.get_instance("docs_weights", logger_name="docs_weights", log_level=logging.INFO)
    logger.addHandler(caplog.handler)
    (init_cfg,) = re.findall(r"init_cfg = (dict\(.*\))\n", TEXT)
    ConvNeXtV2("atto", init_cfg=eval(init_cfg)).init_weights()
    (said,) = [text for text in caplog.messages if " tensors from " in text]
    assert lines(LOG) == lines(said)


def test_the_tables_have_every_dialect_source_and_training():
    assert re.findall(r"^\| `([\w-]+)` \| .* \| .*`.* \|$", TEXT, flags=re.MULTILINE) == list(DIALECTS)
    sources = re.findall(r"^\| `(\w+)(?::`|` \(default\))", TEXT, flags=re.MULTILINE)
    assert sorted(sources) == sorted(zoo.SOURCES)
    row = r"^\| `(convnextv2_tiny_((?:in22k_)?(?:in1k|fcmae))(_384)?)` \|.*\((.*)\) \|$"
    numbers = {"four": 4, "five, and one": 6, "eight": 8}
    of_v2 = [weight for weight in zoo.WEIGHTS.values() if weight.version == 2]
    found = 0
    for name, training, large, count in re.findall(row, TEXT, flags=re.MULTILINE):
        assert name in zoo.WEIGHTS
        alike = [w for w in of_v2 if w.training == training and (w.resolution > 224) == bool(large)]
        assert len(alike) == numbers[count]
        found += len(alike)
    assert found == len(of_v2)
