"""From file to file: everything is written or nothing, and the report accounts for every name."""

import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from cnxv2_mm import zoo
from cnxv2_mm.checkpoints import DIALECTS, convert
from cnxv2_mm.checkpoints.architecture import Architecture
from tests.checkpoints.peers import HOLDS_V2, SMALL, in_dialect, network_for, random_decoder, random_network


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_file_is_converted_with_a_report_of_every_name(dialect, suffix, tmp_path):
    network, v1 = network_for(dialect) | random_decoder(), dialect not in HOLDS_V2
    torch.save({"state_dict": network, "meta": {}}, tmp_path / "ours.pth")
    conversion = convert(tmp_path / "ours.pth", tmp_path / f"new{suffix}", dialect)
    written = load_file(tmp_path / "new.safetensors") if suffix == ".safetensors" else torch.load(tmp_path / "new.pth")
    if suffix == ".pth" and DIALECTS[dialect].wrapper:
        written = written[DIALECTS[dialect].wrapper]
    expected = in_dialect(network, dialect)
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[name], expected[name]) for name in expected)
    assert conversion.source == "ours"
    assert conversion.entry == "state_dict"
    assert conversion.architecture == Architecture(SMALL.depths, SMALL.channels, 3, not v1, v1)
    assert {*conversion.used, *(n for names in conversion.dropped.values() for n in names)} == set(network)
    assert len(conversion.used) == len(written)


def test_safetensors_are_marked_as_pytorch_s(tmp_path):
    """transformers refuses files without this mark."""
    from safetensors import safe_open

    save_file(random_network(), tmp_path / "ours.safetensors")
    convert(tmp_path / "ours.safetensors", tmp_path / "new.safetensors", "huggingface")
    with safe_open(tmp_path / "new.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_the_source_is_never_replaced_whatever_it_is_called(tmp_path, monkeypatch):
    source, cached = tmp_path / "file.pth", tmp_path / "hub" / "convnextv2_atto_1k_224_fcmae.pt"
    torch.save({"model": random_network(), "optimizer": {"lr": 0.1}}, source)
    before = source.read_bytes()
    cached.parent.mkdir()
    cached.write_bytes(before)
    (tmp_path / "link.pth").symlink_to("file.pth")
    os.link(source, tmp_path / "hard.pth")
    monkeypatch.chdir(tmp_path / "hub")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(zoo, "fetch", lambda name: cached)
    for old, new in (
        (source, source),
        (source, "../file.pth"),
        ("../file.pth", source),
        ("~/file.pth", source),
        (source, "~/file.pth"),
        (source, tmp_path / "link.pth"),
        (tmp_path / "link.pth", source),
        (source, tmp_path / "hard.pth"),
        ("convnextv2_atto_fcmae", cached),
    ):
        with pytest.raises(FileExistsError, match="exists already"):
            convert(old, new, "timm")
        with pytest.raises(ValueError, match=r"^target='.*' is the source itself, which is never replaced; choose"):
            convert(old, new, "timm", overwrite=True)
    assert source.read_bytes() == cached.read_bytes() == before
    assert (tmp_path / "link.pth").is_symlink()


def test_another_file_is_replaced_on_request_alone(tmp_path):
    torch.save(random_network(), tmp_path / "file.pth")
    (tmp_path / "new.pth").write_text("precious")
    with pytest.raises(FileExistsError, match=r"new\.pth' exists already; choose another name, or .*--overwrite"):
        convert(tmp_path / "file.pth", tmp_path / "new.pth", "timm")
    assert (tmp_path / "new.pth").read_text() == "precious"
    convert(tmp_path / "file.pth", tmp_path / "new.pth", "timm", overwrite=True)
    assert convert(tmp_path / "new.pth", tmp_path / "again.pth", "ours").source == "timm"


def test_half_precision_stays_half(tmp_path):
    torch.save({n: t.bfloat16() for n, t in random_network().items()}, tmp_path / "half.pth")
    convert(tmp_path / "half.pth", tmp_path / "new.safetensors", "timm")
    assert {t.dtype for t in load_file(tmp_path / "new.safetensors").values()} == {torch.bfloat16}


def test_an_unknown_dialect_lists_the_known_ones(tmp_path):
    with pytest.raises(
        ValueError, match="dialect='keras' is unknown; choose one of official, official-sparse, mmpretrain"
    ):
        convert(tmp_path / "file.pth", tmp_path / "new.pth", "keras")


def test_v1_cannot_become_sparse(tmp_path):
    torch.save(random_network(v1=True), tmp_path / "v1.pth")
    with pytest.raises(ValueError, match=r"v1\.pth': official-sparse networks have no place for 5 of its tensors"):
        convert(tmp_path / "v1.pth", tmp_path / "new.pth", "official-sparse")
    assert not (tmp_path / "new.pth").exists()
