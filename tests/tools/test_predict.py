"""The command on a folder of photographs: what it prints, and the status that it ends with."""

import json
import shutil

import pytest

from cnxv2_mm import command_line
from tests.prediction.conftest import photographs, trained  # noqa: F401  fixtures
from tests.tools.conftest import load_tool


@pytest.fixture
def run_folder(trained, tmp_path):  # noqa: F811
    """As `cnxv2 finetune` leaves it."""
    source = trained("detector")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.py").write_text(f"_base_ = {source.config!r}\n")
    shutil.copy(source.checkpoint, folder / "model.pth")
    return folder


def test_a_run_and_its_images(run_folder, photographs, tmp_path, monkeypatch, capsys):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    main = load_tool("predict").main
    assert main(["run", "photographs", "--min-score", "0.2"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]  # before it, what the libraries print when they are imported
    assert said == "3 images: pictures in predictions/pictures, results in predictions/predictions.json"
    assert len(json.loads((tmp_path / "predictions" / "predictions.json").read_text())["images"]) == 3
    with pytest.raises(ValueError, match="predictions of an earlier call"):
        main(["run", "photographs"])
    assert main(["run", "photographs", "--overwrite", "--tiles", "96"]) == 0
    assert (
        main([f"{run_folder}/config.py", f"{run_folder}/model.pth", "photographs/rocket.tif", "--out", "new/one"]) == 0
    )
    assert (tmp_path / "new" / "one" / "pictures" / "rocket.tif.jpg").is_file()


def test_an_unreadable_image_is_listed(trained, photographs, tmp_path, monkeypatch, capsys):  # noqa: F811
    source = trained("classifier")
    (photographs / "text.jpg").write_text("not an image")
    monkeypatch.chdir(tmp_path)
    main = load_tool("predict").main
    with pytest.raises(SystemExit) as ended:
        command_line.run("predict", lambda: main([source.config, source.checkpoint, str(photographs)]))
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "3 images: pictures in predictions/pictures" in out
    assert f"not read: {photographs / 'text.jpg'} cannot be read as an image: " in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no_such_run", "x.jpg"), "predict: no_such_run does not exist"),
        (("run", "--min-score", "3"), "predict: --min-score=3.0 must be from 0 to 1"),
        (("run", "x.jpg", "--tiles", "0"), "predict: --tiles=0 must be a whole number"),
        (("run", "x.jpg"), "predict: image x.jpg does not exist"),
    ],
)
def test_mistakes_are_one_line(run_folder, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, OSError)) as refused:
        load_tool("predict").main(list(words))
    assert str(refused.value).startswith(said.removeprefix("predict: "))
    assert "\n" not in str(refused.value)
