"""The ``config.json`` beside a file: read where it is the file's own, left alone where it is not.

Files of transformers are in ``dialects/test_hugging_face.py``.
"""

import json

import pytest
import timm
import torch
from timm.models import save_for_hf

from cnxv2_mm.checkpoints import convert
from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.hub_config import read_hub_config
from tests.checkpoints.peers import SMALL, in_dialect, network_for

SIZES = {"depths": SMALL.depths, "dims": SMALL.channels}


@pytest.mark.parametrize(
    ("name", "options", "eps"),
    [
        ("convnextv2_tiny", {}, 1e-6),
        ("convnextv2_tiny", {"act_layer": "gelu", "norm_eps": 1e-6}, 1e-6),
        ("convnextv2_tiny", {"norm_eps": 1e-5}, 1e-5),
        ("convnextv2_tiny", {"norm_eps": 1e-3}, 1e-3),
        ("convnext_xxlarge", {}, 1e-5),
        ("convnext_xxlarge", {"norm_eps": 1e-4}, 1e-4),
        ("convnext_xxlarge", {"norm_eps": None}, 1e-5),
        ("convnext_tiny", {"norm_eps": None}, 1e-6),
    ],
)
def test_timm_s_own_config_tells_the_eps(name, options, eps, tmp_path):
    """Oracle: the modules that timm built, and what timm writes for its hub with the same options."""
    model = timm.create_model(name, **SIZES, **options)
    assert model.stages[0].blocks[0].norm.eps == model.stem[1].eps == eps
    save_for_hf(model, tmp_path, model_args=options, safe_serialization=True)
    assert read_hub_config(tmp_path / "model.safetensors", DIALECTS["timm"]) == eps
    if eps == 1e-6:
        convert(tmp_path / "model.safetensors", tmp_path / "new.pth", "ours")
        return
    with pytest.raises(ValueError, match=rf"model\.safetensors' has norms with eps {eps}, .* with norm_eps={eps}$"):
        convert(tmp_path / "model.safetensors", tmp_path / "new.pth", "ours")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"act_layer": "silu"}, "act_layer='silu', and this package has the exact GELU"),
        ({"act_layer": "gelu_tanh"}, "act_layer='gelu_tanh', and this"),
        ({"norm_eps": "1e-5"}, "norm_eps='1e-5', which is no number above 0"),
        ({"norm_eps": 0}, "norm_eps=0, which is no"),
        ({"norm_eps": True}, "norm_eps=True, which is no"),
    ],
)
def test_what_no_backbone_of_ours_has_is_refused(options, message, tmp_path):
    model = timm.create_model("convnextv2_tiny", **SIZES)
    save_for_hf(model, tmp_path, model_args=options, safe_serialization=True)
    with pytest.raises(ValueError, match=rf"model\.safetensors': '.*config\.json' says {message}.*: choose another"):
        convert(tmp_path / "model.safetensors", tmp_path / "new.pth", "ours")


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "huggingface"])
def test_a_config_of_another_library_than_the_file_says_nothing_of_it(dialect, tmp_path):
    torch.save(in_dialect(network_for(dialect), dialect), tmp_path / "file.pth")
    config = {"model_type": "convnextv2", "hidden_act": "relu"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    convert(tmp_path / "file.pth", tmp_path / "new.pth", "ours")


@pytest.mark.parametrize("config", [[], "text", 3, None, {}, {"model_type": "bert", "hidden_act": "relu"}], ids=str)
def test_a_config_of_something_else_is_left_alone(config, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "file.pth").touch()
    for dialect in DIALECTS.values():
        assert read_hub_config(tmp_path / "file.pth", dialect) is None


def test_a_segmenter_of_transformers_has_it_one_level_down(tmp_path):
    config = {"model_type": "upernet", "backbone_config": {"model_type": "convnext", "hidden_act": "silu"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "file.pth").touch()
    with pytest.raises(ValueError, match="hidden_act='silu'"):
        read_hub_config(tmp_path / "file.pth", DIALECTS["huggingface"])


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"", b"[" * 10**5], ids=len)
def test_a_config_that_cannot_be_read_is_refused(content, tmp_path):
    (tmp_path / "file.pth").touch()
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json', which describes the network, is no valid JSON; correct it"):
        read_hub_config(tmp_path / "file.pth", DIALECTS["huggingface"])


def test_the_folder_of_a_link_is_looked_into(tmp_path):
    """Hugging Face's cache keeps the weights elsewhere, and links to them beside the config."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "blobs" / "1f").touch()
    (tmp_path / "snapshot" / "model.safetensors").symlink_to(tmp_path / "blobs" / "1f")
    (tmp_path / "snapshot" / "config.json").write_text('{"model_type": "convnext", "hidden_act": "relu"}')
    with pytest.raises(ValueError, match="hidden_act='relu'"):
        read_hub_config(tmp_path / "snapshot" / "model.safetensors", DIALECTS["huggingface"])


def test_without_a_config_nothing_is_known(tmp_path):
    assert read_hub_config(tmp_path / "file.pth", DIALECTS["timm"]) is None
