"""The command on a folder of photographs: what it writes and prints."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from cnxv2_mm import ConvNeXtV2
from tests.prediction.conftest import photographs  # noqa: F401  a fixture
from tests.tools.conftest import load_tool


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """The folder of a pre-training, with its encoder."""
    monkeypatch.chdir(tmp_path)
    backbone = ConvNeXtV2({"depths": (1, 1, 1, 1), "channels": (8, 16, 24, 32)}, out_indices=())
    (tmp_path / "run").mkdir()
    metadata = {"mean": "[100.0, 100.0, 100.0]", "std": "[50.0, 50.0, 50.0]"}
    save_file(backbone.state_dict(), tmp_path / "run" / "encoder.safetensors", metadata=metadata)
    return "run"


def test_a_run(encoder, photographs, tmp_path, capsys):  # noqa: F811
    main = load_tool("embed").main
    assert main([encoder, "photographs", "--size", "64"]) == 0
    assert np.load("embeddings.npy").shape == (3, 32)
    assert json.loads((tmp_path / "embeddings.json").read_text()) == ["cats/one.png", "cats/two.jpg", "rocket.tif"]
    with Image.open("embeddings_neighbours.png") as sheet:
        assert sheet.width > 400
    first, last = capsys.readouterr().out.splitlines()
    assert first.endswith("mean and standard deviation: those in run/encoder.safetensors")
    assert last == "3 images, 32 numbers each: embeddings.npy, embeddings.json, embeddings_neighbours.png"
    with pytest.raises(ValueError, match="is there already"):
        main([encoder, "photographs"])
    given = ["--mean", "1", "2", "3", "--std", "4", "5", "6", "--overwrite", "--size", "64"]
    before = np.load("embeddings.npy")
    assert main([encoder, "photographs", *given]) == 0
    assert not np.allclose(before, np.load("embeddings.npy"))


def test_a_file_that_says_nothing_of_its_images(encoder, photographs, capsys):  # noqa: F811
    torch.save(ConvNeXtV2({"depths": (1, 1, 1, 1), "channels": (8, 16, 24, 32)}, out_indices=()).state_dict(), "x.pth")
    (photographs / "text.jpg").write_text("not an image")
    assert load_tool("embed").main(["x.pth", "photographs", "--out", "new/x.parquet", "--size", "32"]) == 1
    said = capsys.readouterr().out
    assert "mean and standard deviation: ImageNet's, since the weights do not say theirs" in said
    assert "not read: photographs/text.jpg cannot be read as an image: " in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.pth", "photographs"], "absent.pth' does not exist"),
        (["run", "absent"], "absent is no folder"),
        (["photographs", "photographs"], "photographs has no encoder.safetensors and no model.pth"),
        (["run", "run"], "run has no images, at any depth"),
        (["run", "photographs", "--size", "100"], "--size=100 must be a multiple of 32"),
        (["run", "photographs", "--out", "x.csv"], "must end in .npy or .parquet"),
        (["run", "photographs", "--mean", "1", "--std", "2"], "--mean has 1 numbers, and run takes 3 channels"),
    ],
)
def test_mistakes(encoder, photographs, words, said):  # noqa: F811
    with pytest.raises((ValueError, OSError)) as refused:
        load_tool("embed").main(words)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_only_unreadable_images(encoder, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "text.jpg").write_text("not an image")
    with pytest.raises(ValueError, match=r"none of 1 images could be read.*text\.jpg"):
        load_tool("embed").main(["run", "bad"])


def test_mean_and_std_are_given_together(encoder, capsys):
    for words in (["--mean", "1"], ["--mean", "1", "--std", "0"]):
        with pytest.raises(SystemExit):
            load_tool("embed").main(["run", "photographs", *words])
        assert "--mean and --std" in capsys.readouterr().err
