"""The network of a file is read whole, or an error says what is wrong, and nobody writes or loads any of it."""

import pytest
import torch

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.checkpoints import DIALECTS, convert, load
from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.read import read_network
from tests.checkpoints.peers import SMALL, in_dialect, random_network

ARCH = {"depths": SMALL.depths, "channels": SMALL.channels}


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "official-sparse"])
def test_the_network_its_architecture_and_its_entry_are_told(dialect, tmp_path):
    network = random_network()
    averaged = {f"model.{name}": tensor for name, tensor in in_dialect(network, dialect).items()}
    torch.save({"model": {}, "model_ema": averaged}, tmp_path / "file.pth")
    translation, architecture, entry = read_network(tmp_path / "file.pth", prefix="model.")
    assert translation.dialect.name == dialect
    assert translation.tensors.keys() == network.keys()
    assert all(torch.equal(translation.tensors[name], network[name]) for name in network)
    assert architecture == Architecture(SMALL.depths, SMALL.channels, 3, use_grn=True, layer_scale=False)
    assert entry == "model_ema"


def without(tensors, *parts):
    return {n: t for n, t in tensors.items() if not any(part in n for part in parts)}


def half_of_grn(tensors):
    names = [name for name in tensors if ".grn." in name]
    return {name: tensors[name] for name in tensors if name not in names[::2]}


def with_nan(tensors):
    (name, *_) = (name for name in tensors if ".grn." in name)
    return tensors | {name: torch.full_like(tensors[name], float("nan"))}


# What was done to the tensors of a file -> what the error says.
HOSTILE = {
    "another architecture": (
        lambda tensors: {"conv1.weight": torch.ones(64, 3, 7, 7), "layer1.0.conv1.weight": torch.ones(2)},
        r"it holds no ConvNeXt in any of the dialects .*: its names begin with conv1\., layer1\.",
    ),
    "half of the GRN": (
        half_of_grn,
        r"it is not a whole network; tensors: 5 missing \(backbone\.stages\.0\.0\.grn\.gamma; .*download it",
    ),
    "a stage without its blocks": (
        lambda tensors: without(tensors, "stages.2.0.", "stages.2.1.", "stages.2.blocks.", "stages.2.layers."),
        r"missing \(backbone\.stages\.2\.0\.dwconv\.weight",
    ),
    "no stem": (
        lambda tensors: without(tensors, "downsample_layers.0.0", "stem.0", "patch_embeddings"),
        r"2 missing \(backbone\.downsample_layers\.0\.0\.weight; backbone\.downsample_layers\.0\.0\.bias\)",
    ),
    "half a head": (
        lambda tensors: without(tensors, "fc.weight", "head.weight", "classifier.weight"),
        r"1 missing \(head\.fc\.weight",
    ),
    "NaN inside": (with_nan, r"1 with NaN or infinite numbers \(backbone\.stages\.0\.0\.grn\.gamma\)\. .* diverged"),
    "another width": (
        lambda tensors: {n: t[:-1] if n.endswith("norm.weight") else t for n, t in tensors.items()},
        r"of another shape \(backbone\..*norm\.weight \(\d+,\) instead of \(\d+,\)",
    ),
}


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "official-sparse"])
@pytest.mark.parametrize("case", HOSTILE)
def test_a_bad_network_is_refused_and_nothing_is_written_or_loaded(case, dialect, tmp_path):
    change, message = HOSTILE[case]
    source, target = tmp_path / "bad.pth", tmp_path / "new.pth"
    torch.save({"model": change(in_dialect(random_network(), dialect))}, source)
    with pytest.raises(ValueError, match=rf"checkpoint='.*bad\.pth': .*{message}"):
        read_network(source)
    with pytest.raises(ValueError, match=rf"checkpoint='.*bad\.pth': .*{message}"):
        convert(source, target, "ours")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pth"]
    backbone = ConvNeXtV2(ARCH)
    before = {n: t.clone() for n, t in backbone.state_dict().items()}
    with pytest.raises(ValueError, match=rf"checkpoint='.*bad\.pth': .*{message}"):
        load(backbone, source)
    assert all(torch.equal(before[n], t) for n, t in backbone.state_dict().items())


@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        ("official", "stages.1.attention.weight"),
        ("timm", "stages.1.attention.weight"),
        ("mmpretrain", "backbone.attention.weight"),
    ],
)
def test_extra_names_in_the_network_are_refused(dialect, name, tmp_path):
    torch.save(in_dialect(random_network(), dialect) | {name: torch.ones(3)}, tmp_path / "extra.pth")
    with pytest.raises(ValueError, match=rf"extra\.pth': .* 1 unknown to the dialect \({name}\)\. The file was cut"):
        read_network(tmp_path / "extra.pth")
