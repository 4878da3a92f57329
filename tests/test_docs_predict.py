"""What docs/predict.md shows works: its commands and its code are run, on photographs, with small models."""

import json
import re
import shlex
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cnxv2_mm import ConvNeXtV2, zoo
from tests.prediction.conftest import photographs, trained  # noqa: F401  fixtures
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

PAGE = (ROOT / "docs" / "predict.md").read_text()
BASH = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
COMMANDS = [shlex.split(line)[1:] for line in BASH if line.startswith("cnxv2 ")]
CODE = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
PREDICTED, EMBEDDED, SHAPES = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)
(JSON,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def folder(trained, photographs, tmp_path, monkeypatch):  # noqa: F811
    """The files that the page names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    photographs.rename("my_images")
    (tmp_path / "my_images" / "text.jpg").write_text("not an image")
    shutil.copy("my_images/rocket.tif", "one_more.tif")
    source = trained("detector")
    for config, checkpoint in (
        ("my_run/config.py", "my_run/model.pth"),
        ("my_config.py", "work_dirs/my_config/epoch_12.pth"),
    ):
        (tmp_path / checkpoint).parent.mkdir(parents=True)
        (tmp_path / config).write_text(f"_base_ = {source.config!r}\n")
        shutil.copy(source.checkpoint, checkpoint)
    state = ConvNeXtV2("atto", out_indices=()).state_dict()
    save_file(state, "my_encoder.safetensors", metadata={"mean": "[123.0, 116.0, 103.0]", "std": "[58.0, 57.0, 57.0]"})
    for name in ("convnextv2_tiny_fcmae", "convnextv2_atto_fcmae"):  # as if they were downloaded
        file = tmp_path / "hub" / "hub" / "checkpoints" / zoo.find_file(name).name
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"model": ConvNeXtV2(name.split("_")[1], out_indices=()).state_dict()}, file)
    return tmp_path


def test_commands_and_code(folder, capsys):
    assert len(COMMANDS) == 5
    said = []
    for tool, *words in COMMANDS:
        small = {"predict": ["--min-score", "0.25"], "embed": []}[tool]
        assert load_tool(tool).main([*words, *small]) == 1  # one file is no image
        said.append(capsys.readouterr().out)
    assert said[0].endswith(PREDICTED)  # before it, what the libraries print when they are imported
    assert said[3] == EMBEDDED
    nearest, network, hub = CODE
    for code, expected in ((nearest, r"\S+\n"), (network, re.escape(SHAPES)), (hub, r"\(40, 80, 160, 320\)\n")):
        exec(code.replace("CHECKOUT", repr(str(ROOT))), {})
        assert re.fullmatch(expected, capsys.readouterr().out)
    found = json.loads((folder / "predictions" / "predictions.json").read_text())
    shown = json.loads(JSON.replace(", ...", ""))
    assert shown.keys() == found.keys()
    for part in shown:
        assert shown[part][0].keys() == found[part][0].keys()
    assert np.load("embeddings.npy").shape == (3, 320)


def test_options_and_defaults():
    for tool, section in (("predict", "## Predict"), ("embed", "## Embed")):
        text = PAGE.split(section)[1].split("\n## ")[0]
        words = {"predict": ["run", "images"], "embed": ["x.pth", "images"]}[tool]
        defaults = vars(load_tool(tool).parse_args(words))
        rows = re.findall(r"^\| `--([\w-]+)`(?:, `--([\w-]+)`)? \| (.*?) ?\|", text, flags=re.MULTILINE)
        assert len(rows) >= 4
        for first, second, default in rows:
            for name in filter(None, (first, second)):
                value = defaults.pop(name.replace("-", "_"))
                assert default.strip("`") in ("what the weights say" if value is None else str(value), "")
        assert defaults.keys() <= {"words", "checkpoint", "folder", "trust_pickle", "traceback"}
