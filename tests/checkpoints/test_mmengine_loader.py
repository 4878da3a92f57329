"""mmengine's own functions, once ``cnxv2_mm`` has been imported; tests/tools has the same of the commands."""

import zipfile

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader, checkpoint, load_checkpoint
from safetensors.torch import save_file

from cnxv2_mm.checkpoints import is_whole
from cnxv2_mm.checkpoints.files import TRUST
from cnxv2_mm.checkpoints.mmengine_loader import read_without_tensors
from tests.checkpoints.hostile import write_hostile
from tests.zoo.server import serve

STATE = {"weight": torch.eye(2), "bias": torch.ones(2)}


class Head(BaseModule):
    """A part of a detector that starts from a checkpoint, by mmengine's own initialiser."""

    def __init__(self, init_cfg):
        super().__init__(init_cfg)
        self.weight = torch.nn.Parameter(torch.zeros(2, 2))
        self.bias = torch.nn.Parameter(torch.zeros(2))


ENTRANCES = {
    "load_checkpoint": lambda path: load_checkpoint(torch.nn.Linear(2, 2), path),
    "loader": lambda path: CheckpointLoader.load_checkpoint(path, "cpu"),
    "Pretrained": lambda path: Head({"type": "Pretrained", "checkpoint": path}).init_weights(),
    "Pretrained with prefix": lambda path: Head(
        {"type": "Pretrained", "checkpoint": path, "prefix": "head."}
    ).init_weights(),
    "publishing": lambda path: checkpoint._load_checkpoint(path),
    "without tensors": read_without_tensors,
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_no_entrance_runs_code_that_is_in_a_file(entrance, tmp_path, monkeypatch):
    path, trace = write_hostile(tmp_path, state_dict={**STATE, **{f"head.{k}": v for k, v in STATE.items()}})
    with pytest.raises(ValueError, match=r"hostile\.pth' holds more than tensors.*add --trust-pickle, or set") as error:
        ENTRANCES[entrance](str(path))
    assert "\n" not in str(error.value)
    assert not trace.exists()
    monkeypatch.setenv(TRUST, "1")
    ENTRANCES[entrance](str(path))
    assert trace.exists()


def test_nor_does_an_address(tmp_path, monkeypatch):
    """Neither family restricts what it reads from an address."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    path, trace = write_hostile(tmp_path, state_dict=STATE)
    with serve(path.read_bytes()) as site:
        with pytest.raises(ValueError, match=r"http://.*/hostile\.pth' holds more than tensors"):
            CheckpointLoader.load_checkpoint(site.address("hostile.pth"), "cpu")
        assert not trace.exists()
        monkeypatch.setenv(TRUST, "1")
        read = CheckpointLoader.load_checkpoint(site.address("hostile.pth"), "cpu")
    assert torch.equal(read["state_dict"]["weight"], STATE["weight"])


@pytest.mark.parametrize("attribute", ["__init__", "__globals__", "mro"])
def test_a_file_gets_no_attribute_but_those_that_mmengine_stores(attribute, tmp_path):
    class Getattr:
        def __reduce__(self):
            return getattr, (HistoryBuffer, attribute)

    torch.save({"state_dict": STATE, "extra": Getattr()}, tmp_path / "file.pth")
    with pytest.raises(ValueError, match="holds more than tensors"):
        load_checkpoint(torch.nn.Linear(2, 2), str(tmp_path / "file.pth"))


@pytest.mark.parametrize("numpy", ["numpy._core", "numpy.core"])
def test_what_runs_store_is_read_whichever_numpy_wrote_it(numpy, tmp_path):
    """numpy 2 has moved the functions that its pickles name; everything else in the files is the same."""
    history = HistoryBuffer([1.0, 2.0], [1, 3])
    dataset_meta = ConfigDict(classes=("a", "b"), palette=[ConfigDict(color=np.zeros(3, np.uint8))])
    info = {"best": np.float32(0.5), "step": np.int64(3), "name": np.str_("x"), "shape": np.array([1.5, 2.5])}
    content = {"state_dict": STATE, "meta": {"dataset_meta": dataset_meta}, "message_hub": {"loss": history, **info}}
    torch.save(content, tmp_path / "new.pth")
    with zipfile.ZipFile(tmp_path / "new.pth") as new, zipfile.ZipFile(tmp_path / "old.pth", "w") as old:
        for name in new.namelist():
            data = new.read(name)
            old.writestr(name, data.replace(b"numpy._core.", f"{numpy}.".encode()) if "data.pkl" in name else data)
    read = CheckpointLoader.load_checkpoint(str(tmp_path / "old.pth"), "cpu")
    hub = read["message_hub"]
    assert hub["loss"].mean() == history.mean()
    assert (hub["best"], hub["step"], hub["name"]) == (0.5, 3, "x")
    assert hub["shape"].tolist() == [1.5, 2.5]
    read = read["meta"]["dataset_meta"]
    assert read["classes"] == ("a", "b")
    assert read["palette"][0]["color"].tolist() == [0, 0, 0]


def test_damaged_and_absent_files_are_named(tmp_path):
    torch.save({"state_dict": STATE}, tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    assert is_whole(tmp_path / "whole.pth")
    flipped = bytearray(content)
    flipped[content.index(torch.eye(2).numpy().tobytes())] ^= 1
    damages = {"cut": content[:-30], "empty": b"", "flipped": bytes(flipped), "page": b"<html>not found</html>"}
    for name, damaged in damages.items():
        (tmp_path / f"{name}.pth").write_bytes(damaged)
        assert not is_whole(tmp_path / f"{name}.pth")
        with pytest.raises(ValueError, match=rf"{name}\.pth' is (damaged|empty|a web page)"):
            CheckpointLoader.load_checkpoint(str(tmp_path / f"{name}.pth"))
    save_file(STATE, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=r"is a safetensors file, which mmengine cannot read"):
        CheckpointLoader.load_checkpoint(str(tmp_path / "weights.safetensors"))
    with pytest.raises(FileNotFoundError, match=r"absent\.pth' does not exist"):
        CheckpointLoader.load_checkpoint(str(tmp_path / "absent.pth"))


def test_a_file_without_tensors_in_memory_has_all_that_is_beside_them(tmp_path):
    torch.save({"state_dict": STATE, "meta": {"iter": 3}}, tmp_path / "file.pth")
    content = read_without_tensors(tmp_path / "file.pth")
    assert content["meta"] == {"iter": 3}
    assert torch.equal(content["state_dict"]["weight"], STATE["weight"])
