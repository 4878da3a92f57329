"""Parts that cannot read channels-last maps, behind a neck and in predictions too."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import nn

from cnxv2_mm.swap import swap_config
from cnxv2_mm.swap.formats import needs_contiguous
from cnxv2_mm.swap.old_backbone import NUM_IMAGES, Maps
from tests.conftest import photographs

MAP = Maps(((NUM_IMAGES, 8, 8, 4),))
SEGMENTER = {"in_channels": 8, "in_index": 0, "channels": 4, "num_classes": 3, "norm_cfg": {"type": "BN"}}
VIEWING_NECK = {"type": "FormatNeck", "views": True}
NECK = {"type": "FormatNeck", "views": False}


@MODELS.register_module()
class FormatNeck(BaseModule):
    def __init__(self, views):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, kernel_size=1)
        self.views = views

    def forward(self, maps):
        x = self.conv(maps[0])
        return (x.view(x.size(0), -1).view_as(x) if self.views else x,)


@MODELS.register_module()
class FormatHead(BaseModule):
    """Views what it computes when it predicts, as mmdet's CenterNet does; asks for ``needs`` besides."""

    def __init__(self, views_in="nothing", needs="batch_data_samples"):
        super().__init__()
        self.views_in = views_in
        self.needs = needs

    def forward(self, maps):
        return maps[0].view(NUM_IMAGES, -1) if self.views_in == "forward" else maps[0]

    def predict(self, maps, batch_data_samples, rescale=True):
        assert all(sample.metainfo["img_shape"] == MAP.image_size for sample in batch_data_samples)
        if self.needs != "batch_data_samples":
            raise KeyError(self.needs)
        x = self(maps)
        return x.view(NUM_IMAGES, -1) if self.views_in == "predict" else x


@MODELS.register_module()
class FormatFetching(BaseModule):
    """Fetches a language model while it is built, as GLIP's head does, and cannot do with maps alone anyway."""

    def __init__(self):
        pytest.fail("was built")

    def forward(self, maps, words):
        return maps, words


def centernet():
    neck = {"type": "CTResNetNeck", "in_channels": 8, "num_deconv_filters": (4,), "num_deconv_kernels": (4,)}
    neck["use_dcn"] = False
    head = {"type": "CenterNetHead", "in_channels": 4, "feat_channels": 4, "num_classes": 2}
    return ConfigDict(neck=neck, bbox_head=head, test_cfg={"topk": 5, "local_maximum_kernel": 3})


@pytest.mark.parametrize(
    ("scope", "model", "expected"),
    [
        ("mmdet", centernet(), True),
        ("mmseg", {"decode_head": {"type": "DMHead", "filter_sizes": (1, 3), **SEGMENTER}}, True),
        ("mmseg", {"neck": NECK, "decode_head": {"type": "DMHead", "filter_sizes": (1, 3), **SEGMENTER}}, True),
        ("mmseg", {"decode_head": {"type": "FCNHead", **SEGMENTER}}, False),
        ("mmengine", {"neck": VIEWING_NECK}, True),
        ("mmengine", {"neck": [NECK, VIEWING_NECK]}, True),
        ("mmengine", {"neck": [NECK, NECK]}, False),
        ("mmengine", {"neck": NECK, "head": {"type": "FormatHead"}}, False),
        ("mmengine", {"neck": NECK, "head": {"type": "FormatHead", "views_in": "predict"}}, True),
        ("mmengine", {"head": [{"type": "FormatHead"}, {"type": "FormatHead", "views_in": "forward"}]}, True),
        # Its prediction cannot be tried, its computation can.
        ("mmengine", {"head": {"type": "FormatHead", "views_in": "forward", "needs": "boxes"}}, True),
        ("mmengine", {"head": {"type": "FormatHead", "views_in": "predict", "needs": "boxes"}}, False),
        ("mmengine", {"head": {"type": "NoSuchHead"}}, False),
        ("mmengine", {"head": {"type": "FormatFetching"}}, False),
        ("mmengine", {"language_model": {"type": "FormatHead", "views_in": "forward"}}, False),
        ("mmpretrain", {"head": {"_scope_": "mmseg", "type": "DMHead", "filter_sizes": (1, 3), **SEGMENTER}}, True),
    ],
)
def test_who_wants_contiguous_maps(scope, model, expected):
    random_state = torch.get_rng_state()
    assert needs_contiguous(model, MAP, scope) == expected
    assert torch.equal(torch.get_rng_state(), random_state)


def test_a_swapped_centernet_predicts():
    """mmdet's own code, which calls view on its heat maps; with channels-last ones it raises."""
    from mmdet.structures import DetDataSample
    from mmengine.registry import init_default_scope

    swapped = swap_config("mmdet::centernet/centernet_r18_8xb16-crop512-140e_coco.py", "atto", checkpoint="none")
    model = swapped.config.model
    assert [neck["type"] for neck in model.neck] == ["cnxv2_mm.ContiguousMaps", "CTResNetNeck"]
    assert any("calls view" in note for note in swapped.notes)
    sample = DetDataSample(metainfo={"batch_input_shape": (96, 64), "img_shape": (96, 64), "border": (0, 96, 0, 64)})
    init_default_scope("mmdet")
    detector = MODELS.build(model).eval()
    (found,) = detector.predict(photographs(1), [sample], rescale=False)
    assert len(found.pred_instances) == model.test_cfg.max_per_img
    detector.neck = detector.neck[1]
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        detector.predict(photographs(1), [sample], rescale=False)
