"""What an entry of a config is called."""

import pytest
from mmengine.config import ConfigDict
from torch.optim import AdamW

from cnxv2_mm.config.entry import type_name


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"type": "AdamW", "lr": 1.0}, "AdamW"),
        (ConfigDict(type="mmdet.ResNet"), "ResNet"),
        ({"type": "torch.optim.AdamW"}, "AdamW"),
        ({"type": AdamW}, "AdamW"),
        ("mmdet.ResNet", "ResNet"),
        (AdamW, "AdamW"),
        ({"lr": 1.0}, ""),
        ({"type": None}, ""),
        ([{"type": "AdamW"}], ""),
        (None, ""),
    ],
)
def test_the_bare_name_of_a_class(entry, name):
    assert type_name(entry) == name
