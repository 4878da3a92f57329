"""Which model is meant, by the words of the command line."""

import re

import pytest

from cnxv2_mm.prediction.source import Source, split_words


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("run/config.py", "run/model.pth", "model.py", "weights.pth", "a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_folder_and_images(folder):
    assert split_words(["run", "a.jpg", "b"]) == (Source("run/config.py", "run/model.pth"), ["a.jpg", "b"])


def test_a_config_a_checkpoint_and_images(folder):
    assert split_words(["model.py", "weights.pth", "a.jpg"]) == (Source("model.py", "weights.pth"), ["a.jpg"])
    address = "https://download.openmmlab.com/x.pth"
    assert split_words(["mmdet::retinanet/x.py", address, "a"]) == (Source("mmdet::retinanet/x.py", address), ["a"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run", "there are no images to predict"),
        ("model.py weights.pth", "there are no images to predict"),
        (
            "run weights.pth a.jpg",
            "weights.pth is a checkpoint: leave it out, or give run/config.py weights.pth IMAGES",
        ),
        ("weights.pth a.jpg", "its config has to stand before it"),
        ("model.py a.jpg", "after the config model.py its checkpoint is expected"),
        ("model.py", "and there is none"),
        ("model.py absent.pth a.jpg", "checkpoint absent.pth does not exist"),
        ("absent a.jpg", "absent does not exist, and no folder of a run"),
        ("a.jpg b.jpg", "a.jpg is no config, whose name ends in .py"),
    ],
)
def test_mistakes(folder, words, said):
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(said)) as refused:
        split_words(words.split())
    assert "\n" not in str(refused.value)


def test_a_working_folder_of_mmengine(folder):
    work = folder / "work"
    work.mkdir()
    (work / "my_config.py").touch()
    with pytest.raises(FileNotFoundError, match=r"work has no weights .*has not finished"):
        split_words(["work", "a.jpg"])
    (work / "last_checkpoint").write_text("/elsewhere/work/epoch_3.pth")
    with pytest.raises(FileNotFoundError, match=r"work/epoch_3\.pth does not exist"):
        split_words(["work", "a.jpg"])
    (work / "epoch_3.pth").touch()
    assert split_words(["work", "a.jpg"])[0].checkpoint == "work/epoch_3.pth"
    (work / "best_coco_bbox_mAP_epoch_2.pth").touch()
    assert split_words(["work", "a.jpg"])[0] == Source("work/my_config.py", "work/best_coco_bbox_mAP_epoch_2.pth")
    (work / "best_coco_segm_mAP_epoch_1.pth").touch()
    with pytest.raises(ValueError, match="several best checkpoints"):
        split_words(["work", "a.jpg"])
    (work / "other.py").touch()
    with pytest.raises(ValueError, match=r"several configs \(my_config\.py, other\.py\)"):
        split_words(["work", "a.jpg"])


def test_folders_that_hold_no_model(folder):
    (folder / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"empty has no config \(\*\.py\)"):
        split_words(["empty", "a.jpg"])
    (folder / "empty" / "encoder.safetensors").touch()
    with pytest.raises(ValueError, match=r"empty is a pre-training.*cnxv2 finetune"):
        split_words(["empty", "a.jpg"])
