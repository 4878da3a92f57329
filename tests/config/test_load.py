"""Configs that ship with mmdet, mmseg and mmpretrain, and those that do not exist."""

import pytest

from cnxv2_mm.config.load import load_config

RETINANET = "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py"
UPERNET = "mmseg::convnext/convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512.py"
CONVNEXT = "mmpretrain::convnext_v2/convnext-v2-atto_32xb32_in1k.py"


@pytest.mark.parametrize(
    ("path", "model", "scope"),
    [
        (RETINANET, "RetinaNet", "mmdet"),
        (UPERNET, "EncoderDecoder", "mmseg"),
        (CONVNEXT, "ImageClassifier", "mmpretrain"),
    ],
)
def test_loads_what_ships_with_a_library(path, model, scope, tmp_path):
    config = load_config(path, {"model.backbone.with_cp": True})
    assert config.model.type == model
    assert config.default_scope == scope
    assert config.model.backbone.with_cp is True
    # And as the base of a user's own file.
    child = tmp_path / "child.py"
    child.write_text(f"_base_ = [{path!r}]\n")
    assert load_config(str(child)).model.type == model


def test_configs_that_do_not_exist():
    with pytest.raises(FileNotFoundError, match=r"mmdet::retinanet/absent\.py.*configs/retinanet/absent\.py"):
        load_config("mmdet::retinanet/absent.py")
    with pytest.raises(ModuleNotFoundError, match="'nolibrary' is not installed"):
        load_config("nolibrary::a/b.py")
