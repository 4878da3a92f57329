import json

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope

from cnxv2_mm import command_line
from cnxv2_mm.variants import find_variant
from cnxv2_mm.zoo import SOURCES, WEIGHTS
from tests.tools.conftest import load_tool
from tests.zoo.files import WEB_PAGE, torch_legacy
from tests.zoo.server import serve

zoo = load_tool("zoo")


def listed(capsys, *options):
    zoo.main(["list", "--json", *options])
    return [weight["name"] for weight in json.loads(capsys.readouterr().out)]


def test_the_list_is_the_whole_table(capsys):
    assert listed(capsys) == list(WEIGHTS)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--size", "femto"], 3),  # two of V2, one of V1
        (["--training", "fcmae"], 8),
        (["--training", "dinov3"], 4),
        (["--resolution", "512"], 1),
        (["--source", "huggingface"], 22),
        (["--source", "torchvision"], 4),
        (["--size", "huge", "--training", "in22k_in1k"], 2),
        (["--source", "huggingface", "--training", "fcmae"], 0),
        (["--task", "detection", "--size", "femto"], 1),
        (["--task", "segmentation", "--size", "femto"], 2),
        (["--task", "classification", "--size", "femto"], 2),
        (["--task", "detection", "--size", "xxlarge"], 3),
        (["--commercial", "--size", "femto"], 1),
    ],
)
def test_options_choose(capsys, options, count):
    assert len(listed(capsys, *options)) == count


def test_commercial_leaves_out_what_is_forbidden(capsys):
    found = set(listed(capsys, "--commercial"))
    assert found == {name for name in WEIGHTS if not name.startswith("convnextv2_") and ".eupe_" not in name}


def test_tasks_leave_out_no_weight(capsys):
    """Detectors start without ImageNet-1k's labels, segmenters with them, both from features trained to be dense."""
    detection, segmentation = (set(listed(capsys, "--task", task)) for task in ("detection", "segmentation"))
    assert detection | segmentation == set(WEIGHTS)
    assert detection & segmentation == {name for name in WEIGHTS if ".dinov3_" in name or ".eupe_" in name}
    assert {"convnextv2_tiny_fcmae", "convnext_base.clip_laion2b", "convnext_large.fb_in22k"} < detection
    assert {"convnextv2_tiny_in1k", "convnext_tiny.tv_in1k", "convnext_tiny.in12k_ft_in1k"} < segmentation


def test_json_says_all_that_is_known(capsys):
    zoo.main(["list", "--json", "--size", "base", "--training", "in1k", "--source", "mmpretrain"])
    (weight,) = json.loads(capsys.readouterr().out)
    assert (weight["licence"], weight["commercial"]) == ("CC-BY-NC 4.0", "no")
    assert weight["backbone"] == {"arch": "base"}
    assert weight["mean"] == [123.675, 116.28, 103.53]
    assert weight["accuracies"][0] == {"source": "arXiv 2301.00808, table 14", "top1": 84.9, "top5": None}
    assert weight["files"]["official"]["sha256"] is None  # not published
    assert weight["files"]["mmpretrain"]["sha256"] == "00a70fa4"
    assert weight["files"]["timm"]["hub_id"] == "timm/convnextv2_base.fcmae_ft_in1k"


@pytest.mark.parametrize("source", SOURCES)
def test_the_printed_table_has_every_address_in_one_piece_and_the_licence(capsys, source):
    zoo.main(["list", "--source", source])
    text = capsys.readouterr().out
    for weight in WEIGHTS.values():
        if source in weight.files:
            assert weight.name in text
            (line,) = [line for line in text.splitlines() if weight.files[source].address in line]
            assert [cell.strip() for cell in line.split("│")][5:7] == [weight.commercial, weight.licence]


def test_a_choice_of_nothing_is_said():
    with pytest.raises(SystemExit, match="no published weight fits all of these options"):
        zoo.main(["list", "--source", "huggingface", "--training", "fcmae"])


@pytest.mark.parametrize("name", WEIGHTS)
def test_show_prints_a_config_that_can_be_built(capsys, name):
    zoo.main(["show", name])
    text = capsys.readouterr().out
    weight = WEIGHTS[name]
    config = {}
    exec(text, config)
    init_default_scope("mmdet")
    preprocessor = MODELS.build({"type": "mmdet.DetDataPreprocessor", **config["model"]["data_preprocessor"]})
    assert preprocessor.mean.flatten().tolist() == pytest.approx(weight.mean)
    assert preprocessor.std.flatten().tolist() == pytest.approx(weight.std)
    with torch.device("meta"):
        backbone = MODELS.build(config["model"]["backbone"])
    variant = find_variant(weight.backbone["arch"])
    assert (backbone.depths, backbone.channels) == (variant.depths, variant.channels)
    assert (backbone.stages[0][0].grn is None) == (weight.version == 1)
    assert backbone.stages[0][0].norm.eps == (1e-5 if weight.size == "xxlarge" else 1e-6)
    assert backbone.init_cfg == {"type": "cnxv2_mm.Pretrained", "checkpoint": name}
    assert f"# licence: {weight.licence}; commercial use: {weight.commercial}\n" in text
    assert all(file.address in text for file in weight.files.values())


def test_show_keeps_the_source_and_refuses_one_that_is_not_there(capsys):
    zoo.main(["show", "timm:convnextv2_tiny_fcmae"])
    assert 'checkpoint="timm:convnextv2_tiny_fcmae"' in capsys.readouterr().out
    with pytest.raises(ValueError, match="torchvision has no convnextv2_tiny_fcmae"):
        zoo.main(["show", "torchvision:convnextv2_tiny_fcmae"])


def test_download_prints_where_the_file_is(tmp_path, capsys):
    file = tmp_path / "convnextv2_tiny_1k_224_fcmae.pt"
    file.write_bytes(torch_legacy(seed=0))  # put there by hand
    zoo.main(["download", "convnextv2_tiny_fcmae", "--to", str(tmp_path)])
    assert capsys.readouterr().out.strip() == str(file)


def complaint(name, folder):
    """What the command prints when it fails."""
    with pytest.raises(SystemExit) as caught:
        command_line.run("zoo", lambda: zoo.main(["download", name, "--to", str(folder)]))
    assert [p.name for p in folder.iterdir() if p.suffix != ".lock"] == []
    return caught.value.code


def test_download_fails_in_one_line(tmp_path, monkeypatch):
    """A wrong name, a name that no file can have, and a server that sends a web page in place of the file."""
    assert "zoo: weight 'convnextv2_tinny_fcmae' is unknown; did you" in complaint("convnextv2_tinny_fcmae", tmp_path)
    assert "has characters that an address or a file's name cannot" in complaint("http://127.0.0.1/a%00.pth", tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve(WEB_PAGE) as server:
        error = complaint(server.address("epoch_100.pth"), tmp_path)
    assert error.startswith("zoo: cannot download http://127.0.0.1")
    assert "web page" in error
