"""The whole of it, on real images: the same numbers as ``cnxv2 train``, again, resumed, and on a full disk."""

import json

import pytest
import timm
import torch
from safetensors.torch import load_file

import cnxv2_mm
from cnxv2_mm.recipes.pretraining.measures import Measures
from cnxv2_mm.recipes.pretraining.pretrain import pretrain, verdict
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.run_report.settings_file import read_settings
from tests.images.test_survey import write_images
from tests.recipes.pretraining.conftest import OPTIONS
from tests.training.test_saving import small_disk
from tools import train


def scalars(work):
    (file,) = work.glob("*/vis_data/scalars.json")
    return [json.loads(line) for line in file.read_text().splitlines()]


def losses(work):
    return [(line["step"], line["loss"]) for line in scalars(work) if "loss" in line]


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_what_a_run_leaves(trained, images):
    run = RunFolder(trained.config.parent)
    settings = json.loads(run.settings.read_text())
    assert settings["task"] == "pretrain"
    assert settings["command"] == "cnxv2 pretrain photographs"
    assert settings["next"][0] == f"cnxv2 finetune detect YOUR_DATA --from {run.path}"
    assert {"images", "batch size", "learning rate", "epochs"} <= {one["name"] for one in settings["settings"]}
    assert read_settings(run.path).next == settings["next"]
    assert "held-out" in trained.report.read_text()
    assert (run.data / "left_out.txt").read_text().startswith("a/broken.png\t")
    assert (trained.steps, len(losses(run.work))) == (4, 4)  # 18 of 20 images, 16 in a step, twice
    measured = [line for line in scalars(run.work) if "held_out/loss" in line]
    assert trained.loss_first == measured[0]["held_out/loss"]
    assert trained.loss_last == measured[-1]["held_out/loss"]
    assert trained.rank_me == measured[-1]["held_out/rank_me"]
    assert "held_out/knn" in measured[0]


def test_the_encoder_is_that_of_the_last_checkpoint_in_every_library(trained):
    state = torch.load(trained.config.parent / "run" / "epoch_2.pth")["state_dict"]
    expected = {name: tensor for name, tensor in state.items() if name.startswith("backbone.")}
    assert equal(load_file(trained.encoder), expected)
    backbone = cnxv2_mm.ConvNeXtV2(
        arch="atto", init_cfg={"type": "cnxv2_mm.Pretrained", "checkpoint": str(trained.encoder)}
    )
    backbone.init_weights()
    assert torch.equal(backbone.state_dict()["stages.3.1.grn.gamma"], state["backbone.stages.3.1.grn.gamma"])
    (exported,) = trained.exported
    network = timm.create_model("convnextv2_atto", num_classes=0)
    missing, unexpected = network.load_state_dict(load_file(exported), strict=False)
    assert (set(missing), unexpected) == ({"head.norm.weight", "head.norm.bias"}, [])


def test_cnxv2_train_has_the_same_numbers(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train.main([str(trained.config), "--work-dir", "other"])
    assert losses(tmp_path / "other") == losses(trained.config.parent / "run")
    ours, other = (torch.load(work / "epoch_2.pth") for work in (trained.config.parent / "run", tmp_path / "other"))
    assert equal(ours["state_dict"], other["state_dict"])


def test_the_same_command_has_the_same_weights_and_starts_from_an_encoder(trained, images, tmp_path):
    again = pretrain(images, out=tmp_path / "again", **OPTIONS)
    assert equal(load_file(again.encoder), load_file(trained.encoder))
    more = pretrain(images, out=tmp_path / "more", weights=trained.config.parent, size=64, epochs=1, repeats=2)
    assert more.loss_first != trained.loss_first
    text = more.config.read_text()
    assert f'checkpoint="{trained.encoder}"' in text.replace("'", '"')
    assert "repeats=2" in text.replace(" ", "")


def test_a_folder_that_holds_a_run_is_refused(trained, images):
    out, before = trained.config.parent, load_file(trained.encoder)
    with pytest.raises(ValueError, match=r"holds a run already: go on with it by --resume"):
        pretrain(images, out=out, **OPTIONS)
    with pytest.raises(ValueError, match=r"--size is 96, and was 64\. Leave them out"):
        pretrain(images, out=out, size=96, resume=True)
    with pytest.raises(ValueError, match="give one of them"):
        pretrain(images, out=out, resume=True, overwrite=True)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        pretrain(images / "absent", out=out, overwrite=True)
    with pytest.raises(ValueError, match="gigantic is no file"):
        pretrain(images, out=out, weights="gigantic", overwrite=True)
    assert equal(load_file(trained.encoder), before)
    assert pretrain(images, out=out, resume=True).loss_last == trained.loss_last
    assert equal(load_file(trained.encoder), before)


def test_a_run_that_was_interrupted_before_its_training_starts_anew(images, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    run.settings.write_text("{}")
    assert pretrain(images, out=run.path, resume=True, **OPTIONS).steps == 4


def test_too_many_broken_files_are_listed_and_leave_no_run(tmp_path):
    folder = write_images(tmp_path / "images", 5)
    (folder / "broken.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"^1 of 6 images .* All are listed in .*run_left_out\.txt\.$"):
        pretrain(folder, out=tmp_path / "run", **OPTIONS)
    assert (tmp_path / "run_left_out.txt").read_text().startswith("broken.png\tcannot identify")
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_one_line_and_loses_nothing(images, tmp_path):
    with small_disk(tmp_path / "disk"):
        with pytest.raises(OSError, match=r"could not be written .*: nothing that was saved before is lost") as error:
            pretrain(images, out=tmp_path / "disk" / "run", **OPTIONS)
        assert "\n" not in str(error.value)
        assert RunFolder(tmp_path / "disk" / "run").holds_run


def test_the_verdict_compares_with_patch_means():
    first = {"loss": 1.01, "patch_mean_loss": 0.9997}
    good, bad = (verdict(Measures(first, {"loss": loss, "patch_mean_loss": 0.9997})) for loss in (0.8, 0.999))
    assert "loss 1.010 before, 0.800 now" in good
    assert good.endswith("The encoder has learnt.")
    assert "has learnt little" in bad
