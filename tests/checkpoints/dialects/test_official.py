"""What only the official codes can tell: the sparse network on its own tensors, and the names of DINOv3."""

import pytest
import timm
import torch
from timm.models.convnext import checkpoint_filter_fn
from torch import Tensor
from torch.nn import functional as F

from cnxv2_mm import FCMAE
from cnxv2_mm.checkpoints.dialects import OFFICIAL, TIMM
from cnxv2_mm.checkpoints.translate import to_ours
from cnxv2_mm.masking import unpatchify
from tests.checkpoints.peers import SMALL, build_ours, in_dialect, in_ours, random_decoder, random_network
from tests.conftest import photographs, relative_error


def sites_of(grid: Tensor, visible: Tensor) -> dict[tuple[int, int], Tensor]:
    """(H, W, C) cells -> those that are visible, by their place."""
    return {(y, x): grid[y, x] for y, x in visible.nonzero().tolist()}


def kernel_offsets(volume: int) -> list[tuple[int, int]]:
    """Where MinkowskiEngine's kernel of S * S taps looks, in the order of its rows.

    Oracle: src/kernel_region.hpp of NVIDIA/MinkowskiEngine @ 05c9ede: the first axis (y) runs fastest; odd kernels
    are centred, even ones begin at the cell itself.
    """
    side = round(volume**0.5)
    start = -(side // 2) if side % 2 else 0
    return [(start + i % side, start + i // side) for i in range(volume)]


def sparse_norm(sites: dict, weight: Tensor, bias: Tensor) -> dict:
    return {place: F.layer_norm(v, v.shape, weight, bias, eps=1e-6) for place, v in sites.items()}


def sparse_block(sites: dict, t: dict[str, Tensor], name: str) -> dict:
    """models/convnextv2_sparse.py of facebookresearch/ConvNeXt-V2, site by site; one image, so its GRN is per image."""
    taps = list(zip(kernel_offsets(49), t[name + "dwconv.kernel"], strict=True))
    mixed = {
        (y, x): t[name + "dwconv.bias"][0]
        + sum(sites[y + dy, x + dx] * row for (dy, dx), row in taps if (y + dy, x + dx) in sites)
        for y, x in sites
    }
    normed = sparse_norm(mixed, t[name + "norm.ln.weight"], t[name + "norm.ln.bias"])
    wide = torch.stack([normed[place] for place in sites])
    wide = F.gelu(wide @ t[name + "pwconv1.linear.weight"].T + t[name + "pwconv1.linear.bias"])
    energy = wide.square().sum(dim=0, keepdim=True).sqrt()
    relative = energy / (energy.mean(dim=-1, keepdim=True) + 1e-6)
    wide = t[name + "grn.gamma"] * (wide * relative) + t[name + "grn.beta"] + wide
    branch = wide @ t[name + "pwconv2.linear.weight"].T + t[name + "pwconv2.linear.bias"]
    return {place: sites[place] + row for place, row in zip(sites, branch, strict=True)}


def sparse_downsampling(sites: dict, t: dict[str, Tensor], name: str) -> dict:
    normed = sparse_norm(sites, t[name + "0.ln.weight"], t[name + "0.ln.bias"])
    result = {}
    for y, x in {(y // 2, x // 2): None for y, x in sites}:
        result[y, x] = t[name + "1.bias"][0]
        for (dy, dx), row in zip(kernel_offsets(4), t[name + "1.kernel"], strict=True):
            if (2 * y + dy, 2 * x + dx) in normed:
                result[y, x] = result[y, x] + normed[2 * y + dy, 2 * x + dx] @ row
    return result


@torch.no_grad()
def test_the_sparse_network_computes_what_ours_does():
    """Oracle: a naive sparse network on MinkowskiEngine's own tensors, kernels without any symmetry."""
    network = random_network(SMALL)
    t = {n.removeprefix("encoder."): v for n, v in in_dialect(network, "official-sparse").items()}
    image = photographs(1, size=(96, 64))
    visible = torch.tensor([[[True, False], [True, True], [False, True]]])
    stem = F.conv2d(image, t["downsample_layers.0.0.weight"], t["downsample_layers.0.0.bias"], stride=4)[0]
    cells = visible[0].repeat_interleave(8, 0).repeat_interleave(8, 1)
    sites = sites_of(stem.permute(1, 2, 0), cells)
    sites = sparse_norm(sites, t["downsample_layers.0.1.weight"], t["downsample_layers.0.1.bias"])
    for i, depth in enumerate(SMALL.depths):
        if i:
            sites = sparse_downsampling(sites, t, f"downsample_layers.{i}.")
        for j in range(depth):
            sites = sparse_block(sites, t, f"stages.{i}.{j}.")
    expected = torch.zeros(1, SMALL.channels[-1], 3, 2)
    for (y, x), features in sites.items():
        expected[0, :, y, x] = features

    backbone = build_ours(SMALL, out_indices=())
    back = in_ours({f"encoder.{n}": v for n, v in t.items()})
    backbone.load_state_dict({n.removeprefix("backbone."): v for n, v in back.items()}, assign=True)
    assert relative_error(backbone.encode_visible(image, visible), expected) < 1e-5


def test_the_sparse_kernels_round_trip_bit_for_bit():
    network = {n: t for n, t in random_network().items() if not n.startswith(("head.", "backbone.norm3"))}
    network |= random_decoder()
    back = in_ours(in_dialect(network, "official-sparse"))
    assert back.keys() == network.keys()
    assert all(torch.equal(back[name], network[name]) for name in network)


def test_the_sparse_kernels_are_where_the_official_loader_looks():
    """Oracle: the formulas of utils.remap_checkpoint_keys, facebookresearch/ConvNeXt-V2 @ 2553895, tap by tap."""
    network = random_network()
    sparse = in_dialect(network, "official-sparse")
    kernel, weight = sparse["encoder.stages.1.0.dwconv.kernel"], network["backbone.stages.1.0.dwconv.weight"]
    assert kernel.shape == (49, 16)
    assert all(torch.equal(kernel[7 * x + y], weight[:, 0, y, x]) for y in range(7) for x in range(7))
    kernel, weight = (
        sparse["encoder.downsample_layers.2.1.kernel"],
        network["backbone.downsample_layers.2.1.weight"],
    )
    assert kernel.shape == (4, 16, 24)
    assert all(torch.equal(kernel[2 * x + y], weight[:, :, y, x].T) for y in range(2) for x in range(2))
    assert sparse["encoder.stages.1.0.dwconv.bias"].shape == (1, 16)
    assert sparse["encoder.downsample_layers.2.1.bias"].shape == (1, 24)


@torch.no_grad()
def test_the_official_decoder_paints_what_ours_does():
    """Oracle: forward_decoder and unpatchify of the official models/fcmae.py, written out on its own tensors."""
    tensors = random_network() | random_decoder(width=16)
    t = in_dialect(tensors, "official-sparse")
    features, visible = torch.randn(1, 32, 3, 2), torch.tensor([[[True, False], [True, True], [False, True]]])
    x = F.conv2d(features, t["proj.weight"], t["proj.bias"])
    x = torch.where(visible.unsqueeze(1), x, t["mask_token"])
    y = F.conv2d(x, t["decoder.0.dwconv.weight"], t["decoder.0.dwconv.bias"], padding=3, groups=16)
    y = F.layer_norm(y.permute(0, 2, 3, 1), (16,), t["decoder.0.norm.weight"], t["decoder.0.norm.bias"], 1e-6)
    y = F.gelu(F.linear(y, t["decoder.0.pwconv1.weight"], t["decoder.0.pwconv1.bias"]))
    energy = y.norm(dim=(1, 2), keepdim=True)
    relative = energy / (energy.mean(dim=-1, keepdim=True) + 1e-6)
    y = t["decoder.0.grn.gamma"] * (y * relative) + t["decoder.0.grn.beta"] + y
    x = x + F.linear(y, t["decoder.0.pwconv2.weight"], t["decoder.0.pwconv2.bias"]).permute(0, 3, 1, 2)
    pred = F.conv2d(x, t["pred.weight"], t["pred.bias"]).permute(0, 2, 3, 1).reshape(1, 3, 2, 32, 32, 3)
    expected = torch.einsum("nhwpqc->nchpwq", pred).reshape(1, 3, 96, 64)

    arch = {"depths": SMALL.depths, "channels": SMALL.channels}
    model = FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": arch}, {"width": 16})
    model.load_state_dict({n: v for n, v in in_ours(t).items() if n in model.state_dict()})
    painted = model.decoder.pred(model.decoder(features, visible)).flatten(1, 2)
    assert relative_error(unpatchify(painted, (3, 2), 32), expected) < 1e-5


def dinov3(network: dict[str, Tensor]) -> dict[str, Tensor]:
    """A file of DINOv3 (models/convnext.py of facebookresearch/dinov3 @ 6876159).

    Its ``norms`` are three ``nn.Identity``, which have no tensors, and ``norm`` once more.
    """
    tensors = {n: t for n, t in in_dialect(network, "official").items() if not n.startswith("head.")}
    return tensors | {f"norms.3.{p}": tensors[f"norm.{p}"] for p in ("weight", "bias")}


@pytest.mark.parametrize("prefix", ["", "backbone.", "teacher.backbone."])
def test_a_file_of_dinov3_is_read_whole(prefix):
    network = random_network(v1=True)
    translation = to_ours({prefix + name: tensor for name, tensor in dinov3(network).items()})
    translation.check()
    assert translation.dialect is OFFICIAL
    assert translation.tensors.keys() == {name for name in network if not name.startswith("head.")}
    assert translation.dropped == {"a second copy of another": [f"{prefix}norms.3.{p}" for p in ("weight", "bias")]}


def test_its_second_name_of_the_final_norm_is_enough():
    network = random_network(v1=True)
    tensors = {name: t for name, t in dinov3(network).items() if not name.startswith("norm.")}
    translation = to_ours(tensors)
    translation.check()
    assert torch.equal(translation.tensors["backbone.norm3.bias"], network["backbone.norm3.bias"])
    assert translation.write(OFFICIAL).tensors.keys() == tensors.keys()


def test_two_final_norms_of_other_numbers_are_refused():
    tensors = dinov3(random_network(v1=True))
    tensors["norms.3.bias"] = tensors["norms.3.bias"] + 1
    with pytest.raises(ValueError, match=r"'norm\.bias' and 'norms\.3\.bias' have the same place in the network"):
        to_ours(tensors)


def test_norms_of_its_other_stages_are_our_output_norms():
    """``get_intermediate_layers`` there puts ``norms[i]`` behind the map of stage i."""
    tensors = dinov3(random_network(v1=True))
    others = {f"norms.{i}.{p}": torch.randn(SMALL.channels[i]) for i in range(3) for p in ("weight", "bias")}
    translation = to_ours(tensors | others)
    translation.check()
    assert all(torch.equal(translation.tensors[n.replace("norms.", "backbone.norm")], t) for n, t in others.items())
    assert translation.write(OFFICIAL).tensors.keys() == (tensors | others).keys() - {"norms.3.weight", "norms.3.bias"}


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_the_projectors_of_eupe_are_dropped_with_a_reason(prefix):
    """Their names are those that timm 1.0.31 leaves out (models/convnext.py, checkpoint_filter_fn)."""
    projectors = {f"{prefix}projectors.teacher.{i}.weight": torch.ones(3, 3) for i in range(2)}
    tensors = {prefix + name: tensor for name, tensor in dinov3(random_network(v1=True)).items()}
    translation = to_ours(tensors | projectors)
    translation.check()
    assert translation.dropped["projectors of its distillation"] == list(projectors)


@torch.no_grad()
def test_timm_takes_from_a_file_of_eupe_what_we_take():
    """Oracle: timm's own conversion of such files."""
    model = timm.create_model("convnext_tiny", depths=SMALL.depths, dims=SMALL.channels, num_classes=0)
    tensors = dinov3(random_network(v1=True)) | {"projectors.teacher.0.weight": torch.ones(3, 3)}
    theirs = checkpoint_filter_fn(tensors, model)
    ours = to_ours(tensors).write(TIMM).tensors
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
