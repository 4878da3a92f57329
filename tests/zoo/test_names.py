import pytest

from cnxv2_mm.zoo import SOURCES, WEIGHTS, File, find_file, find_weight, is_name


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_weight_is_found_by_its_name_at_every_source(name):
    weight = find_weight(name)
    assert is_name(name)
    assert weight.name == name
    default = "official" if weight.version == 2 else next(iter(weight.files))
    assert find_file(name) == weight.files[default]
    for source, file in weight.files.items():
        assert is_name(f"{source}:{name}")
        assert find_weight(f"{source}:{name}") == weight
        assert find_file(f"{source}:{name}") == file
        assert find_file(file.address) == file  # with what is known of it


def test_names_of_timm_mean_its_files():
    """Those of V2 have short names too, which mean the official file; V1's have only these."""
    for name in ("convnextv2_tiny.fcmae_ft_in1k", "convnext_tiny.fb_in1k", "convnext_xxlarge.clip_laion2b_soup"):
        assert is_name(name)
        assert find_file(name).address == f"https://huggingface.co/timm/{name}/resolve/main/model.safetensors"
    weight = WEIGHTS["convnextv2_tiny_in1k"]
    assert find_weight("convnextv2_tiny.fcmae_ft_in1k") == weight
    assert find_file("official:convnextv2_tiny.fcmae_ft_in1k") == weight.files["official"]
    assert find_file("official:convnext_tiny.fb_in1k").name == "convnext_tiny_1k_224_ema.pth"


def test_a_mirror_is_known_by_its_address():
    file = WEIGHTS["convnextv2_atto_fcmae"].files["mmpretrain"]
    assert find_file(file.mirror) == file
    assert file.mirror != file.address


@pytest.mark.parametrize(
    "text",
    [
        "convnextv2_tiny_1k_224_fcmae.pt",
        "convnext_tiny_1k_224_ema.pth",
        "convnext_tiny.pt",
        "convnext_tiny.dinov3_lvd1689m.safetensors",
        "timm/convnext_tiny.in12k",
        "convnextx_tiny.in12k",
        "work_dirs/convnextv2_tiny_in1k",
        "/convnextv2_tiny_in1k",
        "D:/convnextv2_tiny_in1k",
        "https://example.org/convnextv2_tiny_in1k",
        "torchvision://resnet50",
        "epoch_100.pth",
        "",
    ],
)
def test_paths_and_addresses_are_no_names(text):
    assert not is_name(text)


def test_a_misspelt_name_is_a_name_and_near_ones_are_offered():
    assert is_name("convnextv2_tinny_fcmae")
    with pytest.raises(ValueError, match=r"did you mean convnextv2_tiny_fcmae.*zoo\.py list"):
        find_file("convnextv2_tinny_fcmae")
    assert is_name("convnext_tiny.dinov3")
    with pytest.raises(ValueError, match=r"did you mean convnext_tiny\.dinov3_lvd1689m"):
        find_file("convnext_tiny.dinov3")
    with pytest.raises(ValueError, match=r"did you mean convnextv2_base\.fcmae_ft_in1k"):
        find_file("convnextv2_base.fcmae_ft_1k")
    with pytest.raises(ValueError, match=r"'resnet50' is unknown; `python tools/zoo\.py list`"):
        find_file("resnet50")


def test_an_unknown_source_is_refused():
    with pytest.raises(ValueError, match=f"choose one of {', '.join(SOURCES)}"):
        find_file("keras:convnextv2_tiny_fcmae")


def test_a_source_without_the_weight_is_refused():
    with pytest.raises(ValueError, match="huggingface has no convnextv2_tiny_fcmae; choose one of official, timm, mm"):
        find_file("huggingface:convnextv2_tiny_fcmae")
    with pytest.raises(ValueError, match=r"mmpretrain has no convnext_tiny\.tv_in1k; choose one of torchvision"):
        find_file("mmpretrain:convnext_tiny.tv_in1k")


def test_the_hash_in_a_name_of_openmmlab_is_used():
    address = "https://example.org/mask-rcnn_r50_fpn_1x_coco_20200205-d4b0c5d6.pth"
    assert find_file(address) == File(address, "mask-rcnn_r50_fpn_1x_coco_20200205-d4b0c5d6.pth", sha256="d4b0c5d6")


@pytest.mark.parametrize("name", ["run-20230104.pth", "model-12345678.pth", "epoch_100.pth"])
def test_what_only_looks_like_a_hash_is_none(name):
    assert find_file(f"https://example.org/{name}").sha256 is None


def test_two_servers_with_a_file_of_one_name_do_not_mix():
    files = [find_file(f"https://{host}.example.org/epoch_100.pth?token=1") for host in ("a", "b")]
    assert files[0].name != files[1].name
    assert all(file.name.startswith("epoch_100.") and file.name.endswith(".pth") for file in files)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/",
        "https:///a.pth",
        "s3://bucket/a.pth",
        "file:///a.pth",
        "https://example.org/a/..",
        "http://[::1/a.pth",
        "http://example.org:port/a.pth",
        "http://example.org:99999/a.pth",
    ],
)
def test_what_is_not_the_address_of_a_file_is_refused(address):
    with pytest.raises(ValueError, match="is not the http"):
        find_file(address)


@pytest.mark.parametrize("name", ["a%00.pth", "a%0A.pth", "a\n.pth", "a b.pth", "\u00e4.pth", "%1b[31m.pth"])
def test_characters_that_no_address_or_file_may_have_are_refused(name):
    with pytest.raises(ValueError, match="has characters that an address or a file's name cannot have") as caught:
        find_file(f"https://example.org/{name}")
    assert "\n" not in str(caught.value)


def test_other_characters_may_be_written_as_percent():
    assert find_file("https://example.org/%C3%A4%20b.pth").name.startswith("\u00e4 b.")
