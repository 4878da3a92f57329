"""Networks out of checkpoints of several libraries; timm's own network is one oracle for their features."""

import pytest
import timm
import torch
from timm.models import save_for_hf

from cnxv2_mm.analysis.report.network import load_network, short_labels
from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.checkpoints import convert
from cnxv2_mm.fcmae import FCMAE
from tests.analysis.report.toy import ARCH, V1, randomise


def features(file, batch):
    with torch.no_grad():
        return load_network(str(file)).features(batch)


def test_a_classifier_of_timm(batch, tmp_path):
    torch.manual_seed(0)
    model = timm.models.convnext.ConvNeXt(
        depths=ARCH["depths"], dims=ARCH["channels"], use_grn=True, ls_init_value=None, num_classes=3
    ).eval()
    for name, p in model.named_parameters():
        if "grn" in name or "norm" in name:
            torch.nn.init.normal_(p, mean=0.5)
    torch.save(model.state_dict(), tmp_path / "timm.pth")
    with torch.no_grad():
        expected = model.forward_head(model.forward_features(batch), pre_logits=True)
    torch.testing.assert_close(features(tmp_path / "timm.pth", batch), expected, rtol=1e-4, atol=1e-4)
    network = load_network(str(tmp_path / "timm.pth"), "mine")
    assert network.source.label == "mine"
    assert network.source.dialect == "timm"
    assert network.source.final_norm
    assert network.pre_trainer is None


def test_norms_that_are_known_to_have_another_eps(batch, tmp_path):
    options = {"depths": ARCH["depths"], "dims": ARCH["channels"], "norm_eps": 0.1}
    model = randomise(timm.create_model("convnext_tiny", num_classes=3, **options)).eval()
    save_for_hf(model, tmp_path, model_args=options, safe_serialization=True)
    with torch.no_grad():
        expected = model.forward_head(model.forward_features(batch), pre_logits=True)
    torch.testing.assert_close(features(tmp_path / "model.safetensors", batch), expected, rtol=1e-4, atol=1e-4)


def test_any_dialect_of_v1(v1, checkpoints, batch, tmp_path):
    with torch.no_grad():
        (expected,) = v1(batch)
    torch.testing.assert_close(features(checkpoints[0], batch), expected)
    for dialect in ("official", "mmpretrain", "huggingface"):
        convert(checkpoints[0], tmp_path / f"{dialect}.pth", dialect)
        torch.testing.assert_close(features(tmp_path / f"{dialect}.pth", batch), expected)


def test_a_pre_trained_network_has_its_decoder_and_no_norm(v2, checkpoints, batch):
    network = load_network(checkpoints[1])
    assert not network.source.final_norm
    assert network.source.label == checkpoints[1]
    with torch.no_grad():
        maps = v2(batch, mode="tensor")
        torch.testing.assert_close(network.features(batch), maps.mean(dim=(2, 3)))
    for name, tensor in v2.state_dict().items():
        assert torch.equal(network.pre_trainer.state_dict()[name], tensor), name


def test_what_stands_in_the_place_of_grn_and_a_decoder_without_it(batch, tmp_path):
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH, "grn": "cbam"}
    model = randomise(FCMAE(backbone, {"width": 8, "depth": 2, "use_grn": False}))
    torch.save(model.state_dict(), tmp_path / "cbam.pth")
    network = load_network(str(tmp_path / "cbam.pth"))
    with torch.no_grad():
        torch.testing.assert_close(network.features(batch), model(batch).mean(dim=(2, 3)))
        for mine, theirs in zip(network.pre_trainer.predict(batch), model.predict(batch), strict=True):
            assert torch.equal(mine.loss, theirs.loss)
    assert load_network(str(tmp_path / "cbam.pth"), prefix="backbone.").pre_trainer is None


@pytest.mark.parametrize(
    "decoder",
    [
        {"type": "cnxv2_mm.TransformerDecoder", "width": 16, "depth": 2},
        {"type": "cnxv2_mm.UNetDecoder", "skip": False},
        {"type": "cnxv2_mm.UNetDecoder", "use_grn": False},
    ],
    ids=str,
)
def test_any_decoder(decoder, batch, tmp_path):
    model = randomise(FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}, decoder))
    torch.save(model.state_dict(), tmp_path / "last.pth")
    network = load_network(str(tmp_path / "last.pth"))
    with torch.no_grad():
        for mine, theirs in zip(network.pre_trainer.predict(batch), model.predict(batch), strict=True):
            assert torch.equal(mine.loss, theirs.loss)


def test_the_first_stages_alone(batch, tmp_path):
    model = randomise(ConvNeXtV2(ARCH, out_indices=(1, 2), **V1))
    torch.save({"state_dict": {f"backbone.{k}": v.half() for k, v in model.state_dict().items()}}, tmp_path / "det.pth")
    network = load_network(str(tmp_path / "det.pth"))
    assert network.source.architecture.depths == ARCH["depths"][:3]
    assert network.features(batch).shape == (11, 16)
    with torch.no_grad():
        model.half().float().gap_before_final_norm = True
        torch.testing.assert_close(network.features(batch), model(batch)[1])


def test_what_cannot_be_measured_is_refused(v2, tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_network(str(tmp_path / "none.pth"))
    torch.save({"state_dict": {"layer.weight": torch.ones(2, 2)}}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth"):
        load_network(str(tmp_path / "other.pth"))
    stages = {name: tensor for name, tensor in v2.state_dict().items() if not name.startswith("backbone.stages.3")}
    downsample = [name for name in stages if name.startswith("backbone.downsample_layers.3")]
    torch.save({name: stages[name] for name in stages if name not in downsample}, tmp_path / "cut.pth")
    with pytest.raises(ValueError, match=r"cut\.pth"):
        load_network(str(tmp_path / "cut.pth"))


def test_labels():
    assert short_labels(["a/b/epoch_1.pth", "a/c/epoch_1.pth"]) == ["b/epoch_1", "c/epoch_1"]
    assert short_labels(["a/x/last.pth", "b/x/last.pth", "c.pth"]) == ["a/x/last", "b/x/last", "c"]
    assert short_labels(["convnextv2_atto_fcmae"]) == ["convnextv2_atto_fcmae"]
    assert short_labels(["a.pth", "a.pt"]) == ["a.pth", "a.pt"]
    with pytest.raises(ValueError, match=r"'a\.pth' is named twice"):
        short_labels(["a.pth", "b.pth", "a.pth"])
