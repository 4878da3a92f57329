"""What docs/pretrain.md and docs/train.md show works: the training on a folder is run, on the images of the page."""

import math
import re
import runpy

import pytest
import torch
from mmengine.registry import MODELS, VISBACKENDS, init_default_scope

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.checkpoints import allow_checkpoint_types
from cnxv2_mm.config.load import load_config
from cnxv2_mm.decoders import UNetDecoder
from cnxv2_mm.feature_norms import build_feature_norm
from cnxv2_mm.feature_norms.response_norm import AGGREGATIONS, NORMALISATIONS
from cnxv2_mm.training.fsdp import check_hooks
from tests.configs.common import ALL_SIZES
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("pretrain", "train")}


def write(name):
    """A block of the pages as a file in the working folder; its first line is its name."""
    (block,) = re.findall(rf"```python\n(# {name}\n.*?)```", "".join(PAGES.values()), flags=re.DOTALL)
    with open(name, "w") as file:
        file.write(block.replace("cnxv2_mm::", f"{ROOT}/configs/"))  # where it lies, installed or not


def names_of_settings(lines):
    """The first column of the table that the command prints."""
    table = lines[: lines.index("")]
    return [line[:13].strip() for line in table if line[:13].strip()]


def test_the_command_at_the_beginning(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write("make_images.py")
    runpy.run_path("make_images.py")
    (command,) = re.findall(r"```bash\ncnxv2 pretrain (.*)\n", PAGES["pretrain"])
    load_tool("pretrain").main([*command.split(), "--size", "64", "--epochs", "1"])
    shown = capsys.readouterr().out.splitlines()
    (output,) = re.findall(r"```\n(setting .*?)```", PAGES["pretrain"], flags=re.DOTALL)
    assert names_of_settings(output.splitlines()) == names_of_settings(shown) != []
    assert output.splitlines()[-4:] == shown[-4:]
    folder = tmp_path / "work_dirs" / "pretrain_my_images"
    (table,) = re.findall(r"then holds:\n\n(.*?)\n\n", PAGES["pretrain"].split("## 1.")[0], flags=re.DOTALL)
    for name in re.findall(r"^\| `([\w./]+)`", table, flags=re.MULTILINE):
        assert (folder / name).exists(), name


def test_pre_training_and_a_detector_that_starts_from_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("make_images.py", "my_pretraining.py", "my_retinanet.py"):
        write(name)
    runpy.run_path("make_images.py")
    assert len(list((tmp_path / "my_images").glob("*.jpg"))) == 32
    small = ["train_dataloader.dataset.pipeline.1.scale=64", "train_cfg.max_epochs=2"]
    load_tool("train").main(
        ["my_pretraining.py", "--cfg-options", *small, "default_hooks.checkpoint.filename_tmpl=epoch_20.pth"]
    )
    log = next((tmp_path / "work_dirs" / "my_pretraining").glob("*/*.log")).read_text()
    (groups,) = re.findall(r"```\n(Layer decay.*?)\.\.\.", PAGES["pretrain"], flags=re.DOTALL)
    assert groups in log
    assert re.search(r"Epoch\(train\) +\[2\]\[4/4\]  lr: .* eta: .* time: .* data_time: .* loss: ", log)

    cfg = load_config("my_retinanet.py")
    init_default_scope("mmdet")
    model = MODELS.build(cfg.model)
    model.init_weights()
    allow_checkpoint_types()
    saved = torch.load(cfg.model.backbone.init_cfg.checkpoint, weights_only=True)["state_dict"]
    same = [n for n, x in model.backbone.state_dict().items() if torch.equal(x, saved.get(f"backbone.{n}", x + 1))]
    new = model.backbone.state_dict().keys() - set(same)
    assert all(re.fullmatch(r"norm\d\.(weight|bias)", name) for name in new)


def test_the_rates_in_the_log_are_those_of_the_schedule():
    """2e-3 in 20 epochs of 4 steps, of which 5 % are warm-up; a line shows the rate of its epoch's last step."""
    lines = re.findall(r"Epoch\(train\) +\[(\d+)\]\[4/4\]  lr: (\S+)", PAGES["pretrain"])
    assert len(lines) == 7
    for epoch, rate in lines:
        step = 4 * int(epoch) - 1
        share = step / 4 if step < 4 else (1 + math.cos(math.pi * (step - 4) / 76)) / 2
        assert float(rate) == pytest.approx(2e-3 * share, rel=1e-4)


def test_the_lines_for_other_recipes_are_those_of_the_folder():
    shown: dict = {}
    for name in ("train_dataloader", "visualizer"):
        (block,) = re.findall(rf"```python\n({name} = .*?)```", PAGES["pretrain"], flags=re.DOTALL)
        exec(block, shown)
    cfg = load_config(f"{ROOT}/configs/fcmae/folder.py")
    assert shown["custom_hooks"] == cfg.custom_hooks
    sampler = {**cfg.train_dataloader.sampler, **shown["train_dataloader"]["sampler"]}
    assert sampler == {"type": "cnxv2_mm.HeldOutSampler", "shuffle": True, "num_held_out": 256}
    assert all(backend["type"] in VISBACKENDS for backend in shown["visualizer"]["vis_backends"])


def test_more_channels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("my_satellite.py")
    cfg = load_config("my_satellite.py")
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.arch = "atto"
    model = MODELS.build(cfg.model)
    images = 1200 + 800 * torch.rand(2, 12, 64, 64)
    inputs = model.data_preprocessor({"inputs": list(images)})["inputs"]
    assert torch.allclose(inputs, (images - 1200) / 800, atol=1e-5)
    assert model.loss(inputs)["loss"].isfinite()


def test_repeats_keep_the_images_of_a_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("my_repeats.py")
    cfg, base = load_config("my_repeats.py"), load_config(f"{ROOT}/configs/fcmae/folder.py")
    repeats = cfg.model.data_preprocessor.repeats
    assert cfg.train_dataloader.batch_size * repeats == base.train_dataloader.batch_size
    assert cfg.train_cfg.max_epochs * repeats == base.train_cfg.max_epochs
    assert cfg.auto_scale_lr.base_batch_size * repeats == base.auto_scale_lr.base_batch_size


def test_decoding_on_the_device(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("make_images.py", "my_gpu_decoding.py"):
        write(name)
    runpy.run_path("make_images.py")
    small = ["model.backbone.arch=atto", "train_dataloader.dataset.pipeline.1.scale=64", "train_cfg.max_epochs=1"]
    small += ["train_dataloader.batch_size=16", "train_dataloader.num_workers=0"]
    load_tool("train").main(
        ["my_gpu_decoding.py", "--cfg-options", *small, "train_dataloader.persistent_workers=False"]
    )
    log = next((tmp_path / "work_dirs" / "my_gpu_decoding").glob("*/*.log")).read_text()
    assert "Step 2, held-out images: loss: " in log


def test_the_ablations_are_options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("my_ablation.py")
    cfg = load_config("my_ablation.py")
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    assert isinstance(model.decoder, UNetDecoder)
    assert model.decoder.skips is None
    assert model.backbone.stages[0][0].grn.aggregation == "l1"
    section = PAGES["pretrain"].split("## GRN and the decoder")[1].split("\n## ")[0]
    names = re.findall(r'`"(\w+)"', " ".join(line for line in section.splitlines() if line.startswith("| ")))
    for name in ("lrn", "bn", "ln", "se", "cbam", "grn"):
        assert name in names
        build_feature_norm(name, 4)
    parts = [eval(f"dict({inside})") for inside in re.findall(r"`dict\(([^`.]+)\)`", section)]
    parts += [{"aggregation": name} for name in names if name in AGGREGATIONS]
    parts += [{"normalisation": name} for name in names if name in NORMALISATIONS]
    assert len(parts) == 9
    for part in parts:
        build_feature_norm(part, 4)


def test_a_sharded_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("my_huge.py")
    cfg = load_config("my_huge.py")
    check_hooks(cfg)
    assert (cfg.model.backbone.arch, cfg.strategy.type) == ("huge", "cnxv2_mm.FSDPStrategy")
    assert not cfg.model.backbone.get("with_cp")


@pytest.mark.parametrize("arch", ALL_SIZES)
def test_the_table_of_sizes(arch):
    with torch.device("meta"):
        backbone = ConvNeXtV2(arch=arch, out_indices=())
    count = sum(parameter.numel() for parameter in backbone.parameters()) / 1e6
    assert f"| `{arch}` | {count:.1f} M | {', '.join(map(str, backbone.channels))} |" in PAGES["pretrain"]


@pytest.mark.parametrize("tool", ["train", "test", "pretrain"])
def test_the_table_of_options_is_complete(tool, capsys):
    with pytest.raises(SystemExit):
        load_tool(tool).parse_args(["--help"])
    options = set(re.findall(r"^  (--[a-z][\w-]*)", capsys.readouterr().out, flags=re.MULTILINE))
    assert len(options) > 8
    own = {"--launcher", "--local_rank", "--wait-time"}  # set by scripts; seconds of a window
    assert options - own <= set(re.findall(r"`(--[a-z][a-z-]*)", "".join(PAGES.values())))
