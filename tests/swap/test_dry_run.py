"""Parts built and run without numbers."""

import torch
from torch import nn

from cnxv2_mm.swap import dry_run
from tests.swap import toys  # noqa: F401  registers


def test_a_part_has_shapes_and_no_numbers():
    module = dry_run.build(
        {"type": "ToyOneMap", "init_cfg": {"type": "Pretrained", "checkpoint": "nowhere"}}, "mmengine"
    )
    assert all(param.is_meta for param in module.parameters())
    assert dry_run.shapes_of(dry_run.run(module, torch.empty(2, 3, 64, 32, device="meta"))) == ((2, 6, 8, 4),)


def test_constructors_may_read_numbers():
    module = dry_run.build({"type": "ToyNumbers"}, "mmengine")
    assert module.rates == [0, 0.5, 1]
    assert all(param.is_meta for param in module.parameters())


def test_synchronised_batch_norm_is_plain():
    block = {"type": "mmdet.ResNet", "depth": 18, "norm_cfg": {"type": "SyncBN"}, "pretrained": "nowhere"}
    module = dry_run.build(block, "mmdet")
    assert not any(isinstance(m, nn.SyncBatchNorm) for m in module.modules())
    assert block["norm_cfg"] == {"type": "SyncBN"}


def test_shapes_of_nested_results():
    result = {"maps": [torch.empty(1, 2), (torch.empty(3),)], "name": "x"}
    assert dry_run.shapes_of(result) == {"maps": ((1, 2), ((3,),)), "name": "str"}


def test_the_parameters_behind_a_result():
    module = nn.ModuleDict({"used": nn.Linear(2, 3), "other": nn.Linear(2, 3)}).to("meta")
    module.forward = lambda x: (module["used"](x) * 2).relu()
    behind = dry_run.parameters_behind(dry_run.run(module, torch.empty(1, 2, device="meta"), with_graph=True))
    assert behind == set(module["used"].parameters())
