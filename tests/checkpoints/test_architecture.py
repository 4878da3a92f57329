"""What network a set of tensors is, and what keeps it from being whole."""

import pytest
import torch

from cnxv2_mm import FCMAE, ConvNeXtV2
from cnxv2_mm.backbone import ConvNeXtV2Block
from cnxv2_mm.checkpoints.architecture import PARTS, Architecture, find_problems, infer, part_of
from cnxv2_mm.variants import VARIANTS, Variant
from tests.checkpoints.peers import SMALL, random_decoder, random_network


def problems_of(tensors):
    return find_problems(tensors, infer(tensors))


@pytest.mark.parametrize("form", [{}, {"use_grn": False, "layer_scale_init_value": 1e-6}], ids=["v2", "v1"])
@pytest.mark.parametrize("in_channels", [1, 8])
@pytest.mark.parametrize("arch", ["atto", "tiny"])
def test_the_architecture_is_read_off_the_backbone_s_own_tensors(arch, in_channels, form):
    state = ConvNeXtV2(arch, in_channels=in_channels, **form).state_dict()
    tensors = {f"backbone.{n}": t for n, t in state.items()}
    size = VARIANTS[arch]
    expected = Architecture(size.depths, size.channels, in_channels, not form, bool(form))
    assert infer(tensors) == expected
    assert problems_of(tensors) == []
    assert str(expected).startswith(f"{arch}: depths {size.depths}")


@pytest.mark.parametrize("use_grn", [True, False])
def test_the_expected_shapes_are_those_of_the_model(use_grn):
    """Oracle: the state of a pre-trainer with four input channels."""
    arch = {"depths": SMALL.depths, "channels": SMALL.channels}
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": arch, "in_channels": 4}
    model = FCMAE(backbone, {"depth": 2, "width": 16, "use_grn": use_grn})
    assert problems_of(model.state_dict()) == []


def test_parts_may_be_absent_but_not_in_halves():
    network = random_network() | random_decoder()
    assert problems_of(network) == []
    for part in PARTS:
        rest = {n: t for n, t in network.items() if part_of(n) != part}
        assert problems_of(rest) == []
        names = [n for n in network if part_of(n) == part]
        for name in names:
            (problem, *_) = problems_of({n: t for n, t in network.items() if n != name})
            assert name in problem


def test_every_tensor_of_the_backbone_is_needed_in_its_shape():
    network = random_network()
    for name in [n for n in network if part_of(n) is None]:
        assert problems_of({n: t for n, t in network.items() if n != name}) == [f"1 missing ({name})"]
        problems = problems_of(network | {name: network[name][..., None]})
        assert any(name in problem for problem in problems)


def test_a_stage_without_blocks_lacks_them():
    network = {n: t for n, t in random_network().items() if not n.startswith("backbone.stages.1.")}
    assert "backbone.stages.1.0.dwconv.weight" in problems_of(network)[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_must_be_finite(value):
    network = random_network()
    network["backbone.stages.2.1.grn.beta"][3] = value
    assert problems_of(network) == ["1 with NaN or infinite numbers (backbone.stages.2.1.grn.beta)"]


def test_scalars_are_no_tensors_of_a_network():
    network = random_network() | random_decoder()
    for name in network:
        assert problems_of(network | {name: torch.tensor(1.0)}) != []


def test_however_many_blocks_a_file_claims_one_is_built_for_each_stage(monkeypatch):
    built = []
    start = ConvNeXtV2Block.__init__
    monkeypatch.setattr(ConvNeXtV2Block, "__init__", lambda block, *args: (built.append(block), start(block, *args))[1])
    network = random_network(Variant((1, 1, 1, 1), (3, 4, 5, 6))) | random_decoder(width=7)
    built.clear()
    claims = {f"backbone.stages.{i}.998.dwconv.bias": torch.ones(3 + i) for i in range(4)}
    claims["decoder.blocks.998.dwconv.bias"] = torch.ones(7)
    (missing, *_) = problems_of(network | claims)
    # 998 more blocks in each stage, of 10 tensors less the bias that is there; in the decoder, too
    assert missing.startswith(f"{5 * (998 * 10 - 1)} missing (backbone.stages.0.1.")
    assert len(built) <= 2 * 4 + 1  # with the decoder comes the encoder before it


@pytest.mark.parametrize("shape", [(2**40, 0), (0, 2**40)], ids=str)
@pytest.mark.parametrize(
    "name", ["backbone.stages.0.0.dwconv.weight", "backbone.downsample_layers.0.0.weight", "head.fc.weight"]
)
def test_absurd_widths_are_problems_and_no_networks(name, shape):
    """A tensor without numbers may have any shape."""
    rest = {n: t for n, t in random_network().items() if n.rpartition(".")[0] != name.rpartition(".")[0]}
    assert any("of another shape" in problem for problem in problems_of(rest | {name: torch.empty(shape)}))


def test_a_width_beyond_what_pytorch_can_count_is_a_problem_and_no_network():
    """The first linear layer of such a block would have 2**66 numbers."""
    tensors = {"backbone.stages.0.0.dwconv.bias": torch.empty(2**32, device="meta")}
    assert "missing" in find_problems({}, infer(tensors))[0]


def test_reading_an_architecture_draws_no_random_numbers():
    """A run that loads weights goes on with the numbers of its seed."""
    network = random_network(Variant((1, 1, 1, 1), (4, 3, 2, 1))) | random_decoder(width=5)
    before = torch.get_rng_state()
    problems_of(network)
    assert torch.equal(torch.get_rng_state(), before)
