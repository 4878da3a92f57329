"""Parts built and run without numbers; failures of theirs are kept, and ours are raised."""

import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from cnxv2_mm.swap import cells, dry_run
from cnxv2_mm.swap.dry_run import Failure, try_run
from cnxv2_mm.swap.old_backbone import measure
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


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"type": "ToyBareHead", "in_channels": 3}, "AssertionError: "),
        ({"type": "ToyBareHead"}, "TypeError: .*'in_channels'"),
        ({"type": "NoSuchHead"}, "KeyError: 'NoSuchHead is not in the"),
    ],
)
def test_what_a_part_fails_at_is_kept_and_logged(config, told, caplog):
    with caplog.at_level(logging.DEBUG, dry_run.__name__):
        failure = try_run("building aux", dry_run.build, config, "mmengine")
    assert isinstance(failure, Failure)
    with pytest.raises(type(failure.error), match=told.partition(": ")[2].strip("'")):
        raise failure.error
    assert str(failure).startswith(told.partition(": ")[0])
    assert "\n" not in str(failure)
    (record,) = caplog.records
    assert record.getMessage() == f"building aux failed: {failure}"
    assert record.exc_info[1] is failure.error  # its traceback is shown
    assert "Traceback" in caplog.text


def test_what_a_part_makes_is_returned():
    assert try_run("adding", lambda a, b: a + b, 1, b=2) == 3


def test_a_bug_of_ours_is_raised():
    """As if we had counted something that is no parameter."""
    with pytest.raises(AttributeError, match="numel"):
        try_run("counting", dry_run.count, [None])


def test_a_bug_of_ours_inside_a_part_does_not_read_as_the_parts(monkeypatch):
    """Our hook fails while the backbone runs; it is not said that the backbone does not run on an image alone."""
    monkeypatch.setattr(cells, "Tensor", None)
    with pytest.raises(TypeError, match="isinstance"):
        measure({"type": "ToyOneMap"}, "mmengine")


def test_nothing_else_in_the_swap_catches_every_error():
    """Files and how often; whoever tries a part does it by ``try_run``."""
    files = Path(dry_run.__file__).parent.glob("*.py")
    counts = {file.name: file.read_text().count("except Exception") for file in files}
    assert {name: count for name, count in counts.items() if count} == {"dry_run.py": 1}


def test_a_module_that_fails_on_zeros_too_is_ready_for_the_next_input():
    module = dry_run.build({"type": "ToyPickyHead", "width": 512}, "mmengine")
    with pytest.raises(RuntimeError, match=r"expected input.* to have 512 channels"):
        dry_run.run(module, (torch.empty(1, 4, 2, 2, device="meta"),))
    assert all(param.is_meta for param in module.parameters())
    result = dry_run.run(module, (torch.empty(1, 512, 2, 2, device="meta"),))
    assert result.is_meta
