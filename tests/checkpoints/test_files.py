"""Files as they are found: damaged, foreign, hostile or fine. Each bad one gets one clear error."""

import argparse
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging.history_buffer import HistoryBuffer
from safetensors.torch import save_file

from cnxv2_mm import zoo
from cnxv2_mm.checkpoints.files import allow_checkpoint_types, read_tensors
from cnxv2_mm.checkpoints.target import write_tensors

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return Path.touch, (self.trace,)


def assert_read(result, entry):
    tensors, found = result
    assert found == entry
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize("entry", ["", "model", "state_dict", "model_ema", "state_dict_ema", "ema_state_dict"])
def test_the_weights_are_found_wherever_training_codes_put_them(entry, tmp_path):
    torch.save({entry: TENSORS, "epoch": 3} if entry else TENSORS, tmp_path / "file.pth")
    assert_read(read_tensors(tmp_path / "file.pth"), entry)


@pytest.mark.parametrize(
    ("raw", "averaged"), [("model", "model_ema"), ("state_dict", "state_dict_ema"), ("ema_state_dict", "state_dict")]
)
def test_averaged_weights_come_first_unless_others_are_asked_for(raw, averaged, tmp_path):
    """With mmengine's EMAHook the average is the 'state_dict' (mmengine/hooks/ema_hook.py swaps them when saving)."""
    others = {name: tensor + 1 for name, tensor in TENSORS.items()}
    torch.save({raw: others, averaged: TENSORS}, tmp_path / "file.pth")
    assert_read(read_tensors(tmp_path / "file.pth"), averaged)
    tensors, entry = read_tensors(tmp_path / "file.pth", entry=raw)
    assert entry == raw
    assert torch.equal(tensors["a.bias"], others["a.bias"])


def test_an_entry_that_is_not_there_names_those_that_are(tmp_path):
    torch.save({"model": TENSORS, "meta": {}}, tmp_path / "file.pth")
    with pytest.raises(
        ValueError, match=r"file\.pth': it has no entry 'state_dict'; it has 'model' \(2 tensors\), 'meta' \(dict\)"
    ):
        read_tensors(tmp_path / "file.pth", entry="state_dict")


def test_safetensors_are_read(tmp_path):
    save_file(TENSORS, tmp_path / "file.safetensors")
    assert_read(read_tensors(tmp_path / "file.safetensors"), "")


def test_without_the_package_safetensors_ask_for_it(tmp_path, monkeypatch):
    save_file(TENSORS, tmp_path / "file.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    for attempt in (read_tensors, lambda path: write_tensors(TENSORS, path, overwrite=True)):
        with pytest.raises(ModuleNotFoundError, match="pip install safetensors"):
            attempt(tmp_path / "file.safetensors")


def test_what_training_codes_keep_beside_the_tensors_needs_no_trust(tmp_path):
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    others = {
        "message_hub": {"log_scalars": {"train/loss": history}, "lr": np.float64(0.1), "step": np.int64(3)},
        "args": argparse.Namespace(model="convnextv2_tiny", lr=1e-3),
        "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}},
    }
    torch.save({"model": TENSORS, **others}, tmp_path / "file.pth")
    assert_read(read_tensors(tmp_path / "file.pth"), "model")


class Getattr:
    """A malicious checkpoint that names any attribute of any class."""

    def __reduce__(self) -> tuple:
        return getattr, (HistoryBuffer, "__init__")


def test_histories_are_read_and_no_other_attribute(tmp_path):
    history = HistoryBuffer([1.0, 2.0], [1, 3])
    allow_checkpoint_types()
    torch.save({"history": history}, tmp_path / "good.pth")
    assert torch.load(tmp_path / "good.pth", weights_only=True)["history"].mean() == history.mean()
    torch.save({"model": TENSORS, "extra": Getattr()}, tmp_path / "file.pth")
    with pytest.raises(ValueError, match=r"file\.pth' holds more than tensors and could run code"):
        read_tensors(tmp_path / "file.pth")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_code_in_a_pickle_is_run_for_those_alone_who_ask(legacy, tmp_path):
    trace = tmp_path / "trace"
    content = {"model": TENSORS, "extra": Bomb(trace)}
    torch.save(content, tmp_path / "bomb.pth", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(
        ValueError, match=r"bomb\.pth' holds more than tensors \(.*\) and could run code.*set trust_pickle=True"
    ):
        read_tensors(tmp_path / "bomb.pth")
    assert not trace.exists()
    assert_read(read_tensors(tmp_path / "bomb.pth", trust_pickle=True), "model")
    assert trace.exists()


def test_a_plain_pickle_with_code_is_refused(tmp_path):
    (tmp_path / "bomb.pth").write_bytes(pickle.dumps({"extra": Bomb(tmp_path / "trace")}))
    with pytest.warns(UserWarning, match="pickle protocol"), pytest.raises(ValueError, match="holds more than tensors"):
        read_tensors(tmp_path / "bomb.pth")
    assert not (tmp_path / "trace").exists()


def test_a_whole_pickled_module_is_refused_with_its_class(tmp_path):
    torch.save({"model": torch.nn.Linear(2, 2)}, tmp_path / "module.pth")
    with pytest.raises(ValueError, match=r"holds more than tensors \(torch\.nn\.modules\.linear\.Linear\)"):
        read_tensors(tmp_path / "module.pth")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            {"epoch": 3},
            r"under 'state_dict_ema', .* or at its top; it has 'epoch' \(int\); choose a file with a state_dict",
        ),
        ({"model": {}}, r"under .* or at its top; it has 'model' \(dict\)"),
        ({"net": TENSORS, 5: "x"}, r"under .* it has 'net' \(2 tensors\), 5 \(str\); name .* as entry \(--entry\)"),
        ({}, "under .* it has none; choose"),
        ({str(i): i for i in range(20)}, r"under .* '7' \(int\), \.\.\.; choose"),
        ([torch.ones(2)], "by name, but an object of type list; save a state_dict"),
        (torch.ones(2), "by name, but an object of type Tensor"),
        (5, "by name, but an object of type int"),
    ],
)
def test_a_file_without_tensors_by_name_says_what_it_has(content, what, tmp_path):
    torch.save(content, tmp_path / "file.pth")
    with pytest.raises(ValueError, match=rf"file\.pth': it holds no tensors {what}"):
        read_tensors(tmp_path / "file.pth")


def test_an_entry_without_tensors_is_refused(tmp_path):
    torch.save({"model": TENSORS, "epoch": 3}, tmp_path / "file.pth")
    with pytest.raises(ValueError, match=r"no tensors under 'epoch'; it has 'model' \(2 tensors\), 'epoch' \(int\)"):
        read_tensors(tmp_path / "file.pth", entry="epoch")


@pytest.mark.parametrize("entry", ["", "model"])
@pytest.mark.parametrize("name", [0, (1, 2), b"weight", None])
def test_numbers_in_the_place_of_names_are_refused(name, entry, tmp_path):
    """A list of parameters under their indices, as optimizers have them."""
    tensors = {"a.weight": torch.ones(2), name: torch.ones(2)}
    torch.save({entry: tensors} if entry else tensors, tmp_path / "file.pth")
    with pytest.raises(
        ValueError, match=r"file\.pth': it numbers its tensors.* \(.*\) instead of naming them; save the"
    ):
        read_tensors(tmp_path / "file.pth")


@pytest.mark.parametrize("name", ["a.pth", "A.PTH", "a.bin", "a.safetensors", "a.SafeTensors", "a"])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_the_bytes_tell_what_a_file_is_not_its_name(kind, name, tmp_path):
    if kind == "safetensors":
        save_file(TENSORS, tmp_path / name)
    else:
        torch.save(TENSORS, tmp_path / name, _use_new_zipfile_serialization=kind == "zip")
    assert_read(read_tensors(tmp_path / name), "")


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(TENSORS, tmp_path / "file.pth")
    assert_read(read_tensors("~/file.pth"), "")
    with pytest.raises(FileNotFoundError, match="checkpoint='~' is a folder"):
        read_tensors("~")


def test_what_trusted_code_lacks_is_named(tmp_path, monkeypatch):
    module = types.ModuleType("gone")
    module.Part = type("Part", (), {"__module__": "gone"})
    monkeypatch.setitem(sys.modules, "gone", module)
    torch.save({"model": TENSORS, "part": module.Part()}, tmp_path / "file.pth")
    monkeypatch.delitem(sys.modules, "gone")
    with pytest.raises(ValueError, match=r"file\.pth' needs code that is not here \(No module named 'gone'\)"):
        read_tensors(tmp_path / "file.pth", trust_pickle=True)


def test_a_missing_file_is_named_with_the_fix(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth' does not exist; train it first, or name another file"):
        read_tensors(tmp_path / "nowhere.pth")
    with pytest.raises(FileNotFoundError, match="is a folder; name the file in it"):
        read_tensors(tmp_path)


def test_names_and_addresses_are_fetched(tmp_path, monkeypatch):
    torch.save(TENSORS, tmp_path / "fetched.pth")
    asked = []
    monkeypatch.setattr(zoo, "is_name", lambda text: text == "convnextv2_tiny")
    monkeypatch.setattr(zoo, "fetch", lambda text: asked.append(text) or tmp_path / "fetched.pth")
    for text in ("convnextv2_tiny", "https://example.org/weights.pth"):
        assert_read(read_tensors(text), "")
    assert asked == ["convnextv2_tiny", "https://example.org/weights.pth"]


def test_a_file_comes_before_a_name(tmp_path, monkeypatch):
    torch.save(TENSORS, tmp_path / "convnextv2_tiny")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo, "is_name", lambda text: pytest.fail("asked"))
    assert_read(read_tensors("convnextv2_tiny"), "")


def test_other_addresses_are_mmengine_s(tmp_path):
    class Bucket(LocalBackend):
        def get_local_path(self, filepath):
            return super().get_local_path(str(tmp_path / filepath.removeprefix("bucket://")))

    register_backend("bucket", Bucket, force=True, prefixes="bucket")
    torch.save(TENSORS, tmp_path / "weights.pth")
    assert_read(read_tensors("bucket://weights.pth"), "")
