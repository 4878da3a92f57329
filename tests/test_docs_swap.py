"""What docs/swap.md shows is what happens: its first command, its config by hand, its fine-tuning on own data."""

import json
import math
import re

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from cnxv2_mm.checkpoints import allow_checkpoint_types
from cnxv2_mm.config.load import load_config
from cnxv2_mm.swap import swap_backbone
from tests.configs.images import SIDE, pictures, write
from tests.swap.published import without_scopes
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

TEXT = (ROOT / "docs" / "swap.md").read_text()


def block(language, beginning):
    """The first fenced block of a language that begins so."""
    found, *_ = re.findall(rf"```{language}\n({re.escape(beginning)}.*?)```", TEXT, flags=re.DOTALL)
    return found


def test_the_first_command_prints_and_writes_what_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = block("bash", "python tools/swap_backbone.py mmdet::retinanet").splitlines()[0]
    load_tool("swap_backbone").main(command.split()[2:])
    # The width of the window moves the line breaks; a library may print something while it is imported.
    shown = block("text", "- backbone").split()
    assert capsys.readouterr().out.split()[-len(shown) :] == shown
    written = (tmp_path / "my_retinanet.py").read_text()
    assert "".join(line for line in written.splitlines(keepends=True) if line[0] != "#") == block("python", "_base_")


def test_the_frozen_detector_is_written_as_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (command,) = re.findall(r"^python tools/swap_backbone\.py (.* --freeze .*)$", TEXT, flags=re.MULTILINE)
    load_tool("swap_backbone").main(command.split())
    written = (tmp_path / "my_frozen_dino.py").read_text()
    shown = block("python", '_base_ = ["mmdet::dino')
    assert "".join(line for line in written.splitlines(keepends=True) if line[0] != "#") == shown


def test_the_config_by_hand_is_the_one_that_the_command_writes(tmp_path):
    file = tmp_path / "my_retinanet.py"
    file.write_text(block("python", "# my_retinanet.py"))
    swapped = swap_backbone("mmdet::retinanet/retinanet_r50_fpn_1x_coco.py", "tiny")
    by_hand = without_scopes(load_config(str(file)).to_dict())
    del by_hand["weights"]
    assert by_hand == without_scopes(swapped.to_dict())


def test_the_stem_learns_at_the_smallest_part_of_the_full_rate(tmp_path):
    """Of the config by hand. tiny has 18 blocks: its stem learns at 0.9 ** 18 of the rate if each block is a layer."""
    file = tmp_path / "my_retinanet.py"
    file.write_text(block("python", "# my_retinanet.py"))
    config = load_config(str(file))
    init_default_scope(config.default_scope)
    with torch.device("meta"):
        model = MODELS.build(config.model)
    groups = build_optim_wrapper(model, config.optim_wrapper).param_groups
    assert min(group["lr"] for group in groups) == pytest.approx(1e-4 * 0.9**18)


def write_own_data(root):
    """train/ and val/ with their files, eight photographs each with a digit on it; two classes, numbered 7 and 3."""
    images, annotations = [], []
    for i, (image, mask, digit) in enumerate(pictures(8)):
        for split in ("train", "val"):
            write(root / split / f"{i}.png", image)
        images.append({"id": i, "file_name": f"{i}.png", "height": SIDE, "width": SIDE})
        rows, columns = mask.nonzero()
        box = [columns.min(), rows.min(), columns.max() - columns.min() + 1, rows.max() - rows.min() + 1]
        box = [int(number) for number in box]
        part = {"id": i, "image_id": i, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        annotations.append({**part, "category_id": (7, 3)[digit % 2]})
    categories = [{"id": 7, "name": "rust"}, {"id": 3, "name": "scratch"}]
    for split in ("train", "val"):
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / f"{split}.json").write_text(json.dumps(content))


def test_fine_tuning_on_ones_own_coco_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_own_data(tmp_path / "data" / "my_set")
    (tmp_path / "my_data.py").write_text(block("python", "# my_data.py"))
    commands = re.search(r"python tools/swap_backbone\.py (.* my_retinanet\.py)\npython tools/train\.py (.*)\n", TEXT)
    swapping, training = (arguments.split() for arguments in commands.groups())
    assert swapping[:3] == [swapping[0], "--arch", "tiny"]
    load_tool("swap_backbone").main([swapping[0], "--arch", "atto", "--weights", "none", *swapping[3:]])
    small = [f"{name}_dataloader.num_workers=0" for name in ("train", "val", "test")]
    small += [
        "train_dataloader.dataset.pipeline.2.scale=(128,128)",
        "val_dataloader.dataset.pipeline.1.scale=(128,128)",
    ]
    small += ["model.test_cfg.score_thr=0.0"]  # after two steps nothing is sure
    small += ["train_cfg.max_epochs=1", "train_cfg.val_interval=1", "default_hooks.logger.interval=1"]
    load_tool("train").main([*training, "--work-dir", "run", "--cfg-options", *small])

    (log,) = (tmp_path / "run").glob("*/vis_data/scalars.json")
    *steps, scores = [json.loads(line) for line in log.read_text().splitlines()]
    # 1e-4 is for 16 images and a step sees 4; the second of 85 steps of the warm-up is logged last.
    full = 1e-4 * 4 / 16
    assert [step["lr"] for step in steps] == pytest.approx([full * (0.001 + 0.999 * i / 84) for i in range(2)])
    assert all(math.isfinite(step["loss"]) for step in steps)
    assert "coco/bbox_mAP" in scores
    allow_checkpoint_types()
    checkpoint = torch.load("run/epoch_1.pth", weights_only=True)
    assert checkpoint["meta"]["dataset_meta"]["classes"] == ("scratch", "rust")
    # Nine anchors for each of two classes.
    assert checkpoint["state_dict"]["bbox_head.retina_cls.weight"].shape[0] == 9 * 2
