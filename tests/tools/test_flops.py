"""The table of ``tools/flops.py``."""

import json

from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

FOLDER = str(ROOT / "configs" / "fcmae" / "folder.py")


def test_the_table_and_its_numbers(capsys):
    flops = load_tool("flops")
    rows = flops.main([FOLDER, "--cfg-options", "model.backbone.arch=atto"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-5:]] == ["part", "backbone", "decoder", "training", "total"]
    assert f"{rows['total'].flops / 1e9:.4g}" in lines[-1]
    # The parameters of encoder and decoder: computed from the shapes of the official code, see tests/test_fcmae.py.
    assert rows["backbone"].params == 3_386_760
    assert rows["total"].params == 7_257_992

    flops.main([FOLDER, "--shape", "3", "96", "64", "--json"])
    out = capsys.readouterr().out
    numbers = json.loads(out[out.index("{") :])
    assert numbers["shape"] == [3, 96, 64]
    assert numbers["total"]["flops"] == numbers["backbone"]["flops"] + numbers["decoder"]["flops"]


def test_training_only_parameters_are_told(capsys):
    rows = load_tool("flops").main(
        ["mmseg::fcn/fcn_r50-d8_4xb2-40k_cityscapes-512x1024.py", "--shape", "3", "64", "64"]
    )
    # FCN's auxiliary head: a 3 x 3 convolution of 1024 to 256 channels with batch norm, and the classifier of 19.
    assert rows["training only"].params == 1024 * 256 * 9 + 2 * 256 + 256 * 19 + 19
    assert rows["training only"].flops == 0
