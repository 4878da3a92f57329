"""The network of a file is read whole, or an error says what is wrong, and nobody writes or loads any of it."""

import re

import pytest
import torch

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.checkpoints import DIALECTS, convert, load
from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.read import read_network
from cnxv2_mm.checkpoints.translate import to_ours
from tests.checkpoints.peers import HOLDS_CLASSIFIER, HOLDS_V2, SMALL, held_by, in_dialect, network_for

ARCH = {"depths": SMALL.depths, "channels": SMALL.channels}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_network_its_architecture_and_its_entry_are_told(dialect, tmp_path):
    network = held_by(dialect, network_for(dialect))
    averaged = {f"model.{name}": tensor for name, tensor in in_dialect(network, dialect).items()}
    torch.save({"model": {}, "model_ema": averaged}, tmp_path / "file.pth")
    translation, architecture, entry = read_network(tmp_path / "file.pth", prefix="model.")
    assert translation.dialect.name == dialect
    assert translation.tensors.keys() == network.keys()
    assert all(torch.equal(translation.tensors[name], network[name]) for name in network)
    v1 = dialect not in HOLDS_V2
    assert architecture == Architecture(SMALL.depths, SMALL.channels, 3, use_grn=not v1, layer_scale=v1)
    assert entry == "model_ema"


def names_of(tensors, pattern):
    """The names in a file of those tensors that have these names here."""
    return [theirs for ours, theirs in to_ours(tensors).origins.items() if re.search(pattern, ours)]


def without(tensors, pattern, step=1):
    names = names_of(tensors, pattern)[::step]
    assert names
    return {name: tensor for name, tensor in tensors.items() if name not in names}


def change_some(tensors, pattern, change):
    return tensors | {name: change(tensors[name]) for name in names_of(tensors, pattern)}


# What was done to the tensors of a file -> what the error says.
HOSTILE = {
    "another architecture": (
        lambda tensors: {"conv1.weight": torch.ones(64, 3, 7, 7), "layer1.0.conv1.weight": torch.ones(2)},
        r"it holds no ConvNeXt in any of the dialects .*: its names begin with conv1\., layer1\.",
    ),
    "half of the GRN": (
        lambda tensors: without(tensors, r"backbone.*\.grn\.", 2),
        r"it is not a whole network; tensors: 5 missing \(backbone\.stages\.0\.0\.grn\.gamma; .*download it",
    ),
    "half of the layer scales": (
        lambda tensors: without(tensors, r"\d\.gamma", 2),
        r"it is not a whole network; tensors: 3 missing \(backbone\.stages\.0\.0\.gamma; .*download it",
    ),
    "a stage without its blocks": (
        lambda tensors: without(tensors, r"backbone\.stages\.2"),
        r"missing \(backbone\.stages\.2\.0\.(gamma|dwconv\.weight);",
    ),
    "no stem": (
        lambda tensors: without(tensors, r"downsample_layers\.0\.0"),
        r"2 missing \(backbone\.downsample_layers\.0\.0\.weight; backbone\.downsample_layers\.0\.0\.bias\)",
    ),
    "half a head": (lambda tensors: without(tensors, r"head\.fc\.weight"), r"1 missing \(head\.fc\.weight"),
    "NaN inside": (
        lambda tensors: change_some(tensors, r"stages\.0\.0\.norm\.bias", lambda t: t.fill_(float("nan"))),
        r"1 with NaN or infinite numbers \(backbone\.stages\.0\.0\.norm\.bias\)\. .* diverged",
    ),
    "another width": (
        lambda tensors: change_some(tensors, r"stages\.\d\.\d\.norm\.weight", lambda t: t[:-1]),
        r"5 of another shape \(backbone\.stages\.0\.0\.norm\.weight \(7,\) instead of \(8,\)",
    ),
}
ONLY_FOR = {
    "half of the GRN": HOLDS_V2,
    "half of the layer scales": [name for name in DIALECTS if name not in HOLDS_V2],
    "half a head": HOLDS_CLASSIFIER,
}


@pytest.mark.parametrize(("case", "dialect"), [(c, d) for c in HOSTILE for d in ONLY_FOR.get(c, DIALECTS)])
def test_a_bad_network_is_refused_and_nothing_is_written_or_loaded(case, dialect, tmp_path):
    change, message = HOSTILE[case]
    source, target = tmp_path / "bad.pth", tmp_path / "new.pth"
    torch.save({"model": change(in_dialect(network_for(dialect), dialect))}, source)
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
        ("timm-features", "stages_1.attention.weight"),
        ("torchvision", "features.3.attention.weight"),
        ("dinov3", "stages.1.attention.weight"),
    ],
)
def test_extra_names_in_the_network_are_refused(dialect, name, tmp_path):
    torch.save(in_dialect(network_for(dialect), dialect) | {name: torch.ones(3)}, tmp_path / "extra.pth")
    with pytest.raises(ValueError, match=rf"extra\.pth': .* 1 unknown to the dialect \({name}\)\. The file was cut"):
        read_network(tmp_path / "extra.pth")
