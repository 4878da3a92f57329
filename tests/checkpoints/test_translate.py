"""Every tensor is used, dropped with a reason, or an error."""

import pytest
import timm
import torch

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.translate import from_ours, to_ours
from cnxv2_mm.layouts import Dense
from tests.checkpoints.peers import (
    CLASSES,
    HOLDS_CLASSIFIER,
    HOLDS_V2,
    SMALL,
    build_ours,
    in_dialect,
    network_for,
    random_decoder,
    random_network,
    randomise,
)
from tests.conftest import photographs, relative_error


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_name_of_a_file_is_accounted_for(dialect):
    tensors = in_dialect(network_for(dialect) | random_decoder(), dialect)
    translation = to_ours(tensors)
    assert set(translation.origins.values()) == set(tensors)
    assert translation.origins.keys() == translation.tensors.keys()
    assert not translation.dropped
    assert not translation.unknown


def test_the_rest_of_a_detector_is_dropped_with_a_reason():
    others = {"neck.fpn.weight": torch.ones(1), "rpn_head.conv.bias": torch.ones(1)}
    translation = to_ours(in_dialect(random_network(), "ours") | others)
    assert translation.dropped == {"outside the network 'backbone.'": list(others)}
    translation.check()


def name_in_block(dialect, number):
    """The library's name of the first bias of a block of the first stage."""
    tables = DIALECTS[dialect]
    (row,) = (row for row in tables.backbone if row.our_names.fullmatch("backbone.stages.0.0.dwconv.bias"))
    return tables.write_root(network_for(dialect)) + row.theirs.format(i="0", j=number, p="bias")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_name_within_the_network_that_the_dialect_lacks_is_an_error(dialect):
    name = name_in_block(dialect, "0").replace("bias", "attention")
    translation = to_ours(in_dialect(network_for(dialect), dialect) | {name: torch.ones(1)})
    assert translation.unknown == [name]
    with pytest.raises(ValueError, match=rf"1 unknown to the dialect \({name}\)"):
        translation.check()


@pytest.mark.parametrize("number", ["1000", "9" * 5000], ids=len)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_block_of_an_absurd_number_is_no_block(dialect, number):
    """What a network lacks is listed up to its highest block: that would be millions of names."""
    tensors = in_dialect(network_for(dialect), dialect)
    there = name_in_block(dialect, number)
    with pytest.raises(ValueError, match=r"tensors: 1 unknown to the dialect") as caught:
        to_ours(tensors | {there: tensors[name_in_block(dialect, "0")]}).check()
    assert there[:30] in str(caught.value)
    assert len(str(caught.value)) < 500


def test_averaged_weights_lose_their_wrapper_and_their_counter():
    tensors = {f"module.{n}": t for n, t in in_dialect(random_network(), "ours").items()}
    translation = to_ours(tensors | {"steps": torch.tensor(7)})
    assert translation.tensors.keys() == random_network().keys()
    assert translation.dropped == {"steps of the averaging": ["steps"]}


def test_a_tensor_twice_is_an_error():
    tensors = in_dialect(random_network(), "ours")
    name = "backbone.norm3.weight"
    with pytest.raises(ValueError, match="holds a tensor twice"):
        to_ours(tensors | {f"module.{name}": tensors[name]})
    hugging_face = in_dialect(random_network(), "huggingface")
    again = {"convnextv2.hidden_states_norms.stage4.weight": torch.ones(32)}
    with pytest.raises(
        ValueError, match=r"layernorm\.weight' and '.*stage4\.weight' have the same place in the network"
    ):
        to_ours(hugging_face | again)


@pytest.mark.parametrize("dialect", ["official", "timm", "timm-features", "torchvision", "dinov3"])
def test_what_stands_beside_a_bare_network_is_dropped_with_a_reason(dialect):
    beside = {"epoch": torch.tensor(3), "projector.0.weight": torch.ones(2, 2)}
    translation = to_ours(in_dialect(network_for(dialect), dialect) | beside)
    assert translation.check().depths == SMALL.depths
    assert translation.dropped == {"outside the network": list(beside)}


@pytest.mark.parametrize("dialect", HOLDS_CLASSIFIER)
def test_a_classifier_without_bias_is_dropped_with_a_reason(dialect):
    tensors = in_dialect(network_for(dialect), dialect)
    (bias,) = (name for name, tensor in tensors.items() if tensor.shape == (CLASSES,))
    del tensors[bias]
    translation = to_ours(tensors)
    translation.check()
    assert translation.dropped == {"a classifier without bias": [bias.replace("bias", "weight")]}
    assert "backbone.norm3.weight" in translation.tensors


@pytest.mark.parametrize(
    ("name", "options", "dropped"),
    [
        ("convnext_large_mlp", {"head_hidden_size": 20}, ["head.fc", "head.pre_logits.fc"]),
        ("convnext_tiny_hnf", {}, ["head.fc", "norm_pre"]),
    ],
)
@torch.no_grad()
def test_a_plain_network_is_taken_without_its_other_head(name, options, dropped):
    """Oracle: timm's own networks."""
    model = timm.create_model(name, depths=SMALL.depths, dims=SMALL.channels, num_classes=10, **options)
    translation = to_ours(randomise(model).state_dict())
    translation.check()
    ((reason, names),) = translation.dropped.items()
    assert reason == "a classifier that is more than a linear layer behind the pooled and normed map"
    assert sorted(names) == sorted(f"{layer}.{p}" for layer in dropped for p in ("weight", "bias"))
    backbone = build_ours(SMALL, v1=True, out_indices=())
    state = {n.removeprefix("backbone."): t for n, t in translation.tensors.items() if ".norm3." not in n}
    backbone.load_state_dict(state, assign=True)
    images = photographs(1, size=(64, 96))
    last = [x for x, _ in backbone._encode(images, Dense.of(images))][-1].permute(0, 3, 1, 2)
    assert relative_error(last, model.forward_intermediates(images, intermediates_only=True)[-1]) < 1e-5


def test_a_prefix_chooses_among_networks():
    teacher, student = random_network(), random_network()
    both = {f"teacher.{n}": t for n, t in teacher.items()} | {f"student.{n}": t for n, t in student.items()}
    for prefix in ("teacher.", "teacher.backbone.", "teacher.backbone"):  # mmengine, too, adds the last dot
        translation = to_ours(both, prefix)
        assert torch.equal(translation.tensors["backbone.norm3.weight"], teacher["backbone.norm3.weight"])
        assert ("head.fc.weight" in translation.tensors) == (prefix == "teacher.")
        assert set(translation.dropped) == {f"outside prefix={prefix.rstrip('.') + '.'!r}"}


def test_no_prefix_and_an_empty_one_are_the_same():
    assert to_ours(random_network(), "").tensors.keys() == to_ours(random_network()).tensors.keys()


def test_a_wrong_prefix_names_those_that_are_there():
    tensors = random_network() | random_decoder()
    with pytest.raises(
        ValueError, match=r"begins with prefix='encoder\.'; its names begin with backbone\., head\., de"
    ):
        to_ours(tensors, "encoder.")


@pytest.mark.parametrize(
    ("dialect", "dropped", "missing"),
    [
        ("official", ["output norms", "decoder"], []),
        ("official-sparse", ["output norms", "final norm", "classifier"], []),
        ("mmpretrain", ["decoder"], []),
        ("timm", ["output norms", "decoder"], []),
        ("timm-features", ["output norms", "decoder", "final norm", "classifier"], []),
        ("torchvision", ["output norms", "decoder"], []),
        ("huggingface", ["decoder"], []),
        ("dinov3", ["output norms", "decoder", "classifier"], []),
        ("ours", [], []),
    ],
)
def test_what_a_dialect_cannot_hold_is_dropped_with_a_reason(dialect, dropped, missing):
    backbone = randomise(build_ours(SMALL, v1=dialect not in HOLDS_V2))
    tensors = {f"backbone.{n}": t for n, t in backbone.state_dict().items()}
    tensors |= random_decoder() | {n: t for n, t in random_network().items() if n.startswith("head.")}
    writing = from_ours(tensors, DIALECTS[dialect])
    assert set(writing.dropped) == {f"{dialect} checkpoints hold no {part}" for part in dropped}
    assert len(writing.tensors) + sum(map(len, writing.dropped.values())) == len(tensors)
    assert writing.missing == missing


@pytest.mark.parametrize(
    ("dialect", "missing"),
    [
        ("official", ["final norm", "classifier"]),
        ("official-sparse", ["decoder"]),
        ("timm", ["final norm", "classifier"]),
        ("timm-features", []),
        ("torchvision", ["final norm", "classifier"]),
        ("dinov3", ["final norm"]),
        ("ours", ["final norm", "classifier", "decoder"]),
    ],
)
def test_what_a_bare_encoder_lacks_is_said(dialect, missing):
    encoder = {n: t for n, t in network_for(dialect).items() if ".stages." in n or ".downsample" in n}
    assert from_ours(encoder, DIALECTS[dialect]).missing == missing


def test_a_dialect_without_layer_scale_refuses_v1():
    with pytest.raises(ValueError, match=r"official-sparse networks have no place for 5 .*stages\.0\.0\.gamma"):
        from_ours(random_network(v1=True), DIALECTS["official-sparse"])


def test_part_of_a_network_is_none_in_another_library():
    two = ConvNeXtV2({"depths": SMALL.depths, "channels": SMALL.channels}, out_indices=(1,)).state_dict()
    tensors = {f"backbone.{n}": t for n, t in two.items()}
    with pytest.raises(ValueError, match="has 2 of the 4 stages, and whole timm networks have all"):
        from_ours(tensors, DIALECTS["timm"])
    assert len(from_ours(tensors, DIALECTS["ours"]).tensors) == len(tensors)
