"""A file whose norms are known to have another eps than the model's is not loaded; all others are, and it is said.

Oracle: timm's and transformers' own modules, and the config that they write.
"""

import json
import logging

import pytest
import timm
import torch
from mmengine.logging import MMLogger
from timm.models import save_for_hf
from torch import nn

from cnxv2_mm import ConvNeXtV2, zoo
from cnxv2_mm.checkpoints import Pretrained, convert, load, relatives
from cnxv2_mm.checkpoints.norm_eps import find_eps_of_model
from cnxv2_mm.checkpoints.read import read_network
from cnxv2_mm.checkpoints.translate import to_ours
from tests.checkpoints.peers import BUILDERS, SMALL, build, in_dialect, random_network, randomise
from tests.conftest import photographs, relative_error

ARCH = {"depths": SMALL.depths, "channels": SMALL.channels}
V1 = {"use_grn": False, "layer_scale_init_value": 1e-6}


@pytest.fixture
def log(caplog, request):
    name = request.node.name  # the current logger is the one that was made last
    MMLogger.get_instance(name, logger_name=name, log_level=logging.INFO).addHandler(caplog.handler)
    return lambda: caplog.text


@pytest.fixture
def timm_file(tmp_path):
    """A small network of timm's with eps 1e-5, as timm writes it for the hub, and the file."""
    options = {"depths": SMALL.depths, "dims": SMALL.channels, "norm_eps": 1e-5}
    model = randomise(timm.create_model("convnext_tiny", num_classes=10, **options))
    save_for_hf(model, tmp_path, model_args=options, safe_serialization=True)
    return model, tmp_path / "model.safetensors"


@torch.no_grad()
def test_a_known_eps_is_loaded_into_its_like_alone(timm_file, log):
    model, path = timm_file
    other = ConvNeXtV2(ARCH, **V1)
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(
        ValueError,
        match=r"model\.safetensors' does not fit: its network has norms with eps 1e-05 and this ConvNeXtV2 has norms "
        r"with eps 1e-06: set norm_eps=1e-05 of the backbone$",
    ):
        load(other, path)
    assert all(torch.equal(before[name], tensor) for name, tensor in other.state_dict().items())
    backbone = ConvNeXtV2(ARCH, **V1, norm_eps=1e-5, out_indices=(3,), gap_before_final_norm=True).eval()
    load(backbone, path)
    images = photographs(2, size=(64, 96))
    expected = model.forward_head(model.forward_features(images), pre_logits=True)
    assert relative_error(backbone(images)[0], expected) < 1e-5
    assert "layer scale, norms with eps 1e-05\n" in log()
    assert "assumed, since no tensor shows it: exact GELU\n" in log()
    assert read_network(path)[1].norm_eps == 1e-5


def test_the_config_that_init_weights_reads_has_to_agree_too(timm_file):
    _, path = timm_file
    init_cfg = {"type": "Pretrained", "checkpoint": str(path)}
    with pytest.raises(ValueError, match="set norm_eps=1e-05 of the backbone"):
        ConvNeXtV2(ARCH, **V1, init_cfg=init_cfg).init_weights()
    ConvNeXtV2(ARCH, **V1, norm_eps=1e-5, init_cfg=init_cfg).init_weights()


def test_an_eps_that_nothing_tells_is_taken_from_the_model_and_said(timm_file, tmp_path, log):
    _, path = timm_file
    (tmp_path / "config.json").unlink()
    load(ConvNeXtV2(ARCH, **V1, norm_eps=1e-3), path)
    assert "assumed, since no tensor shows them: exact GELU, norms with eps 0.001\n" in log()
    assert read_network(path)[1].norm_eps is None


def test_an_eps_of_1e_6_that_is_known_is_not_loaded_into_another(tmp_path):
    options = {"depths": SMALL.depths, "dims": SMALL.channels}
    save_for_hf(timm.create_model("convnext_tiny", **options), tmp_path, model_args=options, safe_serialization=True)
    with pytest.raises(ValueError, match="norms with eps 1e-06 and this ConvNeXtV2 has norms with eps 1e-05"):
        load(ConvNeXtV2(ARCH, **V1, norm_eps=1e-5), tmp_path / "model.safetensors")
    load(ConvNeXtV2(ARCH, **V1), tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "eps"),
    [
        ("convnextv2_atto_in1k", 1e-6),
        ("timm:convnextv2_atto_in1k", 1e-6),
        ("convnext_tiny.dinov3_lvd1689m", 1e-6),
        ("convnext_xxlarge.clip_laion2b_soup", 1e-5),
    ],
)
def test_a_name_of_the_zoo_tells_it(name, eps, tmp_path, monkeypatch):
    """Oracle: the module that timm builds by such a name."""
    size = name.rpartition(":")[2].partition(".")[0].removesuffix("_in1k")
    assert timm.create_model(size, depths=SMALL.depths, dims=SMALL.channels).stem[1].eps == eps
    torch.save(in_dialect(random_network(), "official"), tmp_path / "file.pth")
    monkeypatch.setattr(zoo, "fetch", lambda text: tmp_path / "file.pth")
    with pytest.raises(ValueError, match=rf"checkpoint='{name}' does not fit: .* set norm_eps={eps} of the backbone"):
        load(ConvNeXtV2(ARCH, norm_eps=1e-4), name)
    load(ConvNeXtV2(ARCH, norm_eps=eps), name)
    assert read_network(name)[1].norm_eps == eps


def test_a_file_of_such_a_name_is_not_the_zoo_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(in_dialect(random_network(), "official"), "convnextv2_atto_in1k")
    assert read_network("convnextv2_atto_in1k")[1].norm_eps is None


def test_the_size_tells_it(timm_file, tmp_path, monkeypatch):
    """Here a small one; that of xxlarge is in ``test_relatives.py``."""
    (tmp_path / "config.json").unlink()
    monkeypatch.setitem(relatives._EPS, (SMALL.depths, SMALL.channels), 1e-5)
    with pytest.raises(ValueError, match="set norm_eps=1e-05 of the backbone"):
        load(ConvNeXtV2(ARCH, **V1), timm_file[1])
    load(ConvNeXtV2(ARCH, **V1, norm_eps=1e-5), timm_file[1])


def test_a_segmenter_of_transformers_has_the_norms_of_its_backbone(tmp_path):
    torch.save(in_dialect(random_network(), "huggingface"), tmp_path / "file.pth")
    config = {"model_type": "upernet", "backbone_config": {"model_type": "convnextv2", "layer_norm_eps": 1e-12}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_network(tmp_path / "file.pth")[1].norm_eps == 1e-6


@pytest.mark.parametrize("library", BUILDERS)
def test_the_eps_of_any_library_s_model_is_found(library):
    model = build(library, SMALL, v1=True)
    assert find_eps_of_model(model, to_ours(model.state_dict())) == [1e-6]
    for module in model.modules():
        if hasattr(module, "eps"):
            module.eps = 0.5
    assert find_eps_of_model(model, to_ours(model.state_dict())) == [0.5]


@pytest.mark.parametrize("level", ["module", "_orig_mod", "_fsdp_wrapped_module", "backbone"])
def test_wrappers_do_not_hide_it(level):
    model = nn.ModuleDict({level: ConvNeXtV2(ARCH, norm_eps=0.5)})
    assert find_eps_of_model(model, to_ours(model.state_dict())) == [0.5]


def test_a_model_of_another_library_is_refused_alike(timm_file, tmp_path):
    model = timm.create_model("convnext_tiny", depths=SMALL.depths, dims=SMALL.channels, num_classes=10)
    with pytest.raises(ValueError, match="this ConvNeXt has norms with eps 1e-06: set norm_eps=1e-05 of the backbone"):
        Pretrained(str(timm_file[1]))(model)


def test_norms_of_one_model_that_differ_are_all_named(timm_file):
    model = ConvNeXtV2(ARCH, **V1, norm_eps=1e-5)
    model.stages[1][0].norm.eps = 0.25
    with pytest.raises(ValueError, match=r"has norms with eps 1e-05, 0\.25: set norm_eps=1e-05"):
        load(model, timm_file[1])


def test_it_is_not_converted_into_a_file_that_would_not_say_it(timm_file, tmp_path):
    with pytest.raises(ValueError, match="has norms with eps 1e-05, which a file in another dialect would not say"):
        convert(timm_file[1], tmp_path / "new.pth", "ours")
    assert not (tmp_path / "new.pth").exists()
