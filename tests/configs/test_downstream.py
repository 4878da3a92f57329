"""Detection and segmentation: tables 6 and 7 of the paper row by row, and what its appendices and V1's code say.

Sources: arXiv 2301.00808, appendix A.3 and A.4; facebookresearch/ConvNeXt @ 048efce.
"""

import re

import pytest

from tests.configs.common import CONFIGS, ROOT, STARTING_POINTS, load, size_of

DOWNSTREAM = [path for path in CONFIGS if re.search("/(coco|ade20k)/", path) and path not in STARTING_POINTS]
MASK_RCNN = "configs/coco/mask-rcnn_convnext{}_fpn_lsj-3x_coco.py"
UPERNET = "configs/ade20k/upernet_convnext{}_8xb2-160k_ade20k-{}.py"
# Of the supervised rows and of FCMAE's, the weights: a published name, or the folder of the config that leaves them.
STARTS = {
    ("v1-base", "supervised"): "convnext-v1-base_32xb128-300e_in1k",
    ("v2-base", "supervised"): "convnextv2-base_32xb128-300e-supervised_in1k",
    ("v1-large", "supervised"): "convnext-v1-large_32xb128-300e_in1k",
    ("v2-large", "supervised"): "convnextv2-large_32xb128-300e-supervised_in1k",
}
# Table 6: network, method, box AP, mask AP.
TABLE_6 = [
    ("v1-base", "supervised", "50.3", "44.9"),
    ("v2-base", "supervised", "51.0", "45.6"),
    ("v2-base", "fcmae", "52.9", "46.6"),
    ("v1-large", "supervised", "50.6", "45.1"),
    ("v2-large", "supervised", "51.5", "45.8"),
    ("v2-large", "fcmae", "54.4", "47.7"),
    ("v2-huge", "fcmae", "55.7", "48.9"),
]
# Table 7: network, method, pixels, mIoU. FCMAE's rows start from weights that were fine-tuned on ImageNet-1K (A.4).
TABLE_7 = [
    ("v1-base", "supervised", 512, "49.9"),
    ("v2-base", "supervised", 512, "50.5"),
    ("v2-base", "fcmae", 512, "52.1"),
    ("v1-large", "supervised", 512, "50.5"),
    ("v2-large", "supervised", 512, "51.6"),
    ("v2-large", "fcmae", 512, "53.7"),
    ("v2-huge", "fcmae", 512, "55.0"),
    ("v2-huge", "22K ft", 640, "57.0"),
]


def named(network):
    """``v1-base``: as the files have it behind ``convnext``."""
    return network.replace("v1-", "-v1-")


def check_row(path, table, network, method, scores, fcmae):
    header = (ROOT / path).read_text().split('"""')[1]
    expected = re.search(rf"Expected: ([^(]*)\(paper, table {table};", header)[1]
    assert re.findall(r"\d\d\.\d", expected) == [*scores]
    backbone = load(path).model.backbone
    assert backbone.arch == network[3:]
    assert (backbone.get("use_grn", True), "layer_scale_init_value" in backbone) == (
        network[:2] == "v2",
        network[:2] == "v1",
    )
    start = STARTS.get((network, method))
    assert backbone.init_cfg.checkpoint == (f"work_dirs/{start}/epoch_300.pth" if start else fcmae)


@pytest.mark.parametrize(("network", "method", "box", "mask"), TABLE_6)
def test_a_row_of_table_6(network, method, box, mask):
    tail = "-supervised" if method == "supervised" else ""
    path = MASK_RCNN.format(named(network) + tail)
    check_row(path, 6, network, method, (box, mask), f"convnextv2_{network[3:]}_fcmae")


@pytest.mark.parametrize(("network", "method", "pixels", "miou"), TABLE_7)
def test_a_row_of_table_7(network, method, pixels, miou):
    tail = {"supervised": "-supervised", "fcmae": "", "22K ft": "-in22k-only"}[method]
    path = UPERNET.format(named(network) + tail, f"{pixels}x{pixels}")
    # "22K ft": before any fine-tuning on ImageNet-1K, which is what imagenet/convnextv2-huge_64xb64-90e_in22k.py leaves
    own = "work_dirs/convnextv2-huge_64xb64-90e_in22k/epoch_90.pth"
    check_row(path, 7, network, method, (miou,), own if pixels == 640 else f"convnextv2_{network[3:]}_in1k")


@pytest.mark.parametrize("path", DOWNSTREAM)
def test_downstream_sweeps_stay_inside_the_papers(path):
    """Appendix A.3 and A.4 name the values that were tried; Cascade Mask R-CNN and the decay of UperNet are V1's."""
    cfg = load(path)
    rate = cfg.optim_wrapper.paramwise_cfg.layer_decay_rate
    if "/coco/mask" in path:
        assert rate in (0.9, 0.95)
        assert cfg.optim_wrapper.optimizer.lr == 1e-4
        assert cfg.train_cfg.max_epochs == 36
        assert cfg.model.test_cfg.rcnn.nms.type == "soft_nms"
        if size_of(path) in ("base", "large", "huge"):  # the paper's sizes
            assert cfg.model.backbone.drop_path_rate in (0.2, 0.3, 0.4, 0.5)
    elif "/ade20k/" in path:
        # V1's configs of UperNet: decay_rate 0.9, stage_wise; the number of layers is the backbone's own
        assert (rate, cfg.optim_wrapper.paramwise_cfg.strategy) == (0.9, "stage")
        assert cfg.optim_wrapper.optimizer.lr in (1e-4, 2e-4, 3e-4)
        assert cfg.model.backbone.drop_path_rate in (0.1, 0.2, 0.3, 0.4)
        assert cfg.train_cfg.max_iters == 160_000


@pytest.mark.parametrize("path", DOWNSTREAM)
def test_large_and_huge_detectors_and_segmenters_are_in_bfloat16(path):
    """V1 sets fp16 off for every large and xlarge one, and on for the others."""
    cfg = load(path)
    wrapper = cfg.optim_wrapper
    expected = ("bfloat16", {"enabled": False}) if size_of(path) in ("large", "huge") else ("float16", None)
    assert wrapper.type == "AmpOptimWrapper"
    assert (wrapper.dtype, wrapper.get("loss_scale")) == expected
    if "/coco/" in path:  # mmdetection gives boxes the type of the maps, and bfloat16 would move them by pixels
        parts = [hook.part for hook in cfg.get("custom_hooks", []) if hook.type == "cnxv2_mm.Float32OutputHook"]
        assert parts == (["neck"] if expected[0] == "bfloat16" else [])
