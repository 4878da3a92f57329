"""Against the paper's tables, and against those of the libraries that host the files."""

from importlib.util import find_spec
from pathlib import Path

import mmengine
import pytest
import timm
import torch

from cnxv2_mm.zoo.convnextv2_weights import weights

WEIGHTS = {weight.name: weight for weight in weights()}
SIZES = ("atto", "femto", "pico", "nano", "tiny", "base", "large", "huge")
BY_NAME = pytest.mark.parametrize("name", WEIGHTS)


@pytest.mark.parametrize(("training", "count"), [("fcmae", 8), ("in1k", 8), ("in22k_in1k", 10)])
def test_as_many_as_were_published(training, count):
    assert sum(weight.training == training for weight in WEIGHTS.values()) == count
    assert len(WEIGHTS) == 26


def test_names_are_spelt_by_one_rule():
    assert [name for name in WEIGHTS if "_huge_" in name] == [
        "convnextv2_huge_fcmae",
        "convnextv2_huge_in1k",
        "convnextv2_huge_in22k_in1k_384",
        "convnextv2_huge_in22k_in1k_512",
    ]


# arXiv 2301.00808, table 14, last column, and table 15, columns of ConvNeXt V2.
TABLE_14 = dict(zip(SIZES, (76.7, 78.5, 80.3, 81.9, 83.0, 84.9, 85.8, 86.3), strict=True))
TABLE_15 = {
    224: {"nano": 82.1, "tiny": 83.9, "base": 86.8, "large": 87.3},
    384: {"nano": 83.4, "tiny": 85.1, "base": 87.7, "large": 88.2, "huge": 88.7},
    512: {"huge": 88.9},
}


def test_accuracies_are_those_of_the_paper():
    papers = {name: weight.accuracies[0] for name, weight in WEIGHTS.items() if weight.accuracies}
    expected = {f"convnextv2_{size}_in1k": top1 for size, top1 in TABLE_14.items()}
    for resolution, row in TABLE_15.items():
        suffix = "" if resolution == 224 else f"_{resolution}"
        expected |= {f"convnextv2_{size}_in22k_in1k{suffix}": top1 for size, top1 in row.items()}
    assert {name: accuracy.top1 for name, accuracy in papers.items()} == expected
    for name, accuracy in papers.items():
        table = 14 if WEIGHTS[name].training == "in1k" else 15
        assert (accuracy.source, accuracy.top5) == (f"arXiv 2301.00808, table {table}", None)


@BY_NAME
def test_the_licence_is_said_with_every_weight(name):
    assert (WEIGHTS[name].licence, WEIGHTS[name].commercial) == ("CC-BY-NC 4.0", "no")


# Whole addresses, as the hosts publish them.
ADDRESSES = {
    ("convnextv2_atto_fcmae", "official"): (
        "https://dl.fbaipublicfiles.com/convnext/convnextv2/pt_only/convnextv2_atto_1k_224_fcmae.pt"
    ),
    ("convnextv2_tiny_in1k", "official"): (
        "https://dl.fbaipublicfiles.com/convnext/convnextv2/im1k/convnextv2_tiny_1k_224_ema.pt"
    ),
    ("convnextv2_huge_in22k_in1k_512", "official"): (
        "https://dl.fbaipublicfiles.com/convnext/convnextv2/im22k/convnextv2_huge_22k_512_ema.pt"
    ),
    ("convnextv2_base_fcmae", "mmpretrain"): (
        "https://download.openmmlab.com/mmclassification/v0/convnext-v2/"
        "convnext-v2-base_3rdparty-fcmae_in1k_20230104-8a798eaf.pth"
    ),
    ("convnextv2_large_in22k_in1k_384", "mmpretrain"): (
        "https://download.openmmlab.com/mmclassification/v0/convnext-v2/"
        "convnext-v2-large_fcmae-in21k-pre_3rdparty_in1k-384px_20230104-9139a1f3.pth"
    ),
    (
        "convnextv2_nano_fcmae",
        "timm",
    ): "https://huggingface.co/timm/convnextv2_nano.fcmae/resolve/main/model.safetensors",
    ("convnextv2_tiny_in22k_in1k_384", "timm"): (
        "https://huggingface.co/timm/convnextv2_tiny.fcmae_ft_in22k_in1k_384/resolve/main/model.safetensors"
    ),
    ("convnextv2_tiny_in1k", "huggingface"): (
        "https://huggingface.co/facebook/convnextv2-tiny-1k-224/resolve/main/model.safetensors"
    ),
    ("convnextv2_huge_in22k_in1k_384", "huggingface"): (
        "https://huggingface.co/facebook/convnextv2-huge-22k-384/resolve/main/model.safetensors"
    ),
}


@pytest.mark.parametrize(("name", "source"), ADDRESSES)
def test_addresses(name, source):
    assert WEIGHTS[name].files[source].address == ADDRESSES[name, source]


@BY_NAME
def test_every_source_but_hugging_face_has_every_weight(name):
    missing = {"official", "timm", "mmpretrain", "huggingface"} - set(WEIGHTS[name].files)
    assert missing == ({"huggingface"} if WEIGHTS[name].training == "fcmae" else set())


def test_no_two_files_have_the_same_name_here():
    files = [file for weight in WEIGHTS.values() for file in weight.files.values()]
    assert len({file.name for file in files}) == len({file.address for file in files}) == len(files) == 26 * 4 - 8


@BY_NAME
def test_timm_agrees(name):
    """timm's own table: the repository, the licence and the official file it was converted from."""
    weight = WEIGHTS[name]
    hub_id = weight.files["timm"].hub_id
    theirs = timm.models.get_pretrained_cfg(hub_id.removeprefix("timm/"))
    assert theirs.hf_hub_id == hub_id
    assert theirs.license == "cc-by-nc-4.0"
    assert theirs.url == weight.files["official"].address
    assert theirs.input_size == (3, weight.resolution, weight.resolution)
    assert theirs.num_classes == weight.classes


def mmpretrain_models() -> dict[str, dict]:
    """Official address -> entry of the metafile that ships with mmpretrain."""
    library = Path(find_spec("mmpretrain").origin).parent
    metafile = mmengine.load(library / ".mim" / "configs" / "convnext_v2" / "metafile.yml")
    return {model["Converted From"]["Weights"]: model for model in metafile["Models"]}


def test_mmpretrain_agrees():
    """mmpretrain's own table, of either family: file, hash, both accuracies; both families name the same files."""
    theirs = mmpretrain_models()
    assert theirs.keys() == {weight.files["official"].address for weight in WEIGHTS.values()}
    for weight in WEIGHTS.values():
        model, file = theirs[weight.files["official"].address], weight.files["mmpretrain"]
        assert model["Weights"] in (file.address, file.mirror)
        assert file.name == model["Weights"].rpartition("/")[2]
        assert file.name.endswith(f"-{file.sha256}.pth")
        again = [{"Top 1 Accuracy": a.top1, "Top 5 Accuracy": a.top5} for a in weight.accuracies[1:]]
        assert again == [result["Metrics"] for result in model["Results"] or []]
        if weight.training != "fcmae":  # theirs counts the head that the file lacks
            assert weight.parameters == model["Metadata"]["Parameters"]


@pytest.mark.parametrize("size", SIZES)
def test_the_parameters_of_an_encoder_are_those_of_timms_stem_and_stages(size):
    with torch.device("meta"):
        theirs = timm.create_model(f"convnextv2_{size}", num_classes=0)
    encoder = sum(p.numel() for part in (theirs.stem, theirs.stages) for p in part.parameters())
    assert WEIGHTS[f"convnextv2_{size}_fcmae"].parameters == encoder
