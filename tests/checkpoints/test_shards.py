"""A checkpoint in several files is read as one, or one line says what is wrong with it.

Oracle: the files that ``huggingface_hub`` writes, whose function transformers calls in ``save_pretrained``.
"""

import json
import shutil

import pytest
import torch
from huggingface_hub import save_torch_state_dict

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.checkpoints import convert, load
from cnxv2_mm.checkpoints.files import read_tensors
from tests.checkpoints.hostile import Bomb
from tests.checkpoints.peers import SMALL, in_dialect, random_network

NETWORK = in_dialect(random_network(), "huggingface")


@pytest.fixture(params=["model.safetensors", "pytorch_model.bin"])
def index(request, tmp_path):
    """An index whose shards are in its folder."""
    safe = request.param.endswith("safetensors")
    pattern = request.param.replace(".", "{suffix}.", 1)
    save_torch_state_dict(NETWORK, tmp_path, filename_pattern=pattern, max_shard_size=20_000, safe_serialization=safe)
    return tmp_path / f"{request.param}.index.json"


def shards_of(index):
    return sorted(set(json.loads(index.read_text())["weight_map"].values()))


def change(index, do):
    content = json.loads(index.read_text())
    do(content["weight_map"])
    index.write_text(json.dumps(content))


def test_all_shards_are_read(index):
    assert len(shards_of(index)) > 2
    tensors, entry = read_tensors(index)
    assert entry == ""
    assert tensors.keys() == NETWORK.keys()
    assert all(torch.equal(tensors[name], NETWORK[name]) for name in NETWORK)


def test_they_are_loaded_and_converted(index, tmp_path):
    network = random_network()
    backbone = ConvNeXtV2({"depths": SMALL.depths, "channels": SMALL.channels}, out_indices=(3,))
    load(backbone, index)
    report = convert(index, tmp_path / "one.pth", "huggingface")
    assert sorted(report.used) == sorted(NETWORK)
    one = torch.load(tmp_path / "one.pth")
    assert all(torch.equal(one[name], NETWORK[name]) for name in NETWORK)
    assert backbone.state_dict().keys() == {n.removeprefix("backbone.") for n in network if "head" not in n}
    assert torch.equal(backbone.norm3.bias, NETWORK["convnextv2.layernorm.bias"])


def test_the_folder_of_a_link_is_looked_into(index, tmp_path):
    """Hugging Face's cache keeps the files elsewhere, under other names, and links to them."""
    (tmp_path / "snapshot").mkdir()
    for i, name in enumerate([index.name, *shards_of(index)]):
        (tmp_path / name).rename(tmp_path / f"blob{i}")
        (tmp_path / "snapshot" / name).symlink_to(tmp_path / f"blob{i}")
    assert read_tensors(tmp_path / "snapshot" / index.name)[0].keys() == NETWORK.keys()


def test_a_missing_shard_is_named(index, tmp_path):
    first, second, *_ = shards_of(index)
    (tmp_path / second).unlink()
    with pytest.raises(FileNotFoundError, match=rf"index\.json' is .* of which 1 are not in its folder \('{second}'\)"):
        read_tensors(index)
    (tmp_path / first).unlink()
    (tmp_path / first).mkdir()
    with pytest.raises(
        FileNotFoundError, match=rf"of which 2 are not in its folder \('{first}', '{second}'\): download"
    ):
        read_tensors(index)


@pytest.mark.parametrize("there", [None, 1])
def test_a_tensor_that_its_shard_lacks_is_named(index, there):
    """Nowhere, or in another shard than the index says."""
    first, second, *_ = shards_of(index)
    name = next(n for n, s in json.loads(index.read_text())["weight_map"].items() if s == second)
    if there is None:
        name = "convnextv2.lost.weight"
    change(index, lambda places: places.update({name: first}))
    with pytest.raises(
        ValueError, match=rf"index\.json' is not the index of these .*'{first}' does not hold 1 tensors \('{name}'\)"
    ):
        read_tensors(index)


def test_a_tensor_that_the_index_does_not_name_is_named(index):
    name = next(iter(NETWORK))
    change(index, lambda places: places.pop(name))
    with pytest.raises(
        ValueError, match=rf"is not the index of these .* also holds 1 tensors \('{name}'\), other than"
    ):
        read_tensors(index)


@pytest.mark.parametrize("shard", ["../x", "/etc/passwd", "sub/x", "..\\x", "..", ".", "", 3, None, ["x"]], ids=str)
def test_a_shard_outside_of_the_folder_is_refused(index, shard, tmp_path):
    (tmp_path.parent / "x").write_bytes((tmp_path / shards_of(index)[0]).read_bytes())
    change(index, lambda places: places.update({next(iter(places)): shard}))
    with pytest.raises(
        ValueError, match=r"index\.json' says that '.*' is in .*, and shards are files in the folder of"
    ):
        read_tensors(index)


def test_a_damaged_shard_is_named(index, tmp_path):
    shard = shards_of(index)[1]
    (tmp_path / shard).write_bytes((tmp_path / shard).read_bytes()[:-9])
    with pytest.raises(ValueError, match=rf"{shard}' is damaged \("):
        read_tensors(index)


def test_a_shard_that_is_an_index_is_refused(index, tmp_path):
    shard = shards_of(index)[1]
    shutil.copy(index, tmp_path / shard)
    with pytest.raises(ValueError, match=rf"{shard}' is the index of a checkpoint"):
        read_tensors(index)


def test_code_in_a_shard_does_not_run(tmp_path):
    trace = tmp_path / "trace"
    torch.save({"a": torch.ones(2), "extra": Bomb(trace)}, tmp_path / "a.bin")
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {"a": "a.bin"}}))
    with pytest.raises(ValueError, match=r"a\.bin' holds more than tensors .* could run code"):
        read_tensors(tmp_path / "pytorch_model.bin.index.json")
    assert not trace.exists()


@pytest.mark.parametrize("content", [[1], {"a": 1}, torch.ones(2)], ids=["list", "no tensors", "tensor"])
def test_a_shard_without_tensors_by_name_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "a.bin")
    (tmp_path / "index.json").write_text(json.dumps({"weight_map": {"a": "a.bin"}}))
    with pytest.raises(ValueError, match=r"'a\.bin' does not hold 1 tensors \('a'\)"):
        read_tensors(tmp_path / "index.json")


def test_no_file_of_the_source_is_replaced(index, tmp_path):
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="is the source itself, which is never replaced"):
        convert(index, tmp_path / shards_of(index)[1], "timm", overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("text", ['{"weight_map": []}', '{"weight_map": {}}', "{}", "{", "[" * 10**5], ids=len)
def test_other_text_is_no_index(text, tmp_path):
    (tmp_path / "x.index.json").write_text(text)
    with pytest.raises(
        ValueError, match=r"x\.index\.json' is (JSON text|damaged|the index of a checkpoint in 0 files)"
    ):
        read_tensors(tmp_path / "x.index.json")
