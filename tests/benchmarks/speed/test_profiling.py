"""The profile of a training step: every operation counts once, for the right kind."""

import pytest
import torch
from torch import nn

from benchmarks.speed.__main__ import main
from benchmarks.speed.profiling import KINDS, PRODUCTS, REST, Profile, profile_calls, render, training_step
from cnxv2_mm.kernels import products


def test_products_are_counted_as_two_operations_a_cell():
    x, weight = torch.randn(3, 50, 7), nn.Parameter(torch.randn(11, 7))
    profile = profile_calls(lambda: nn.functional.linear(x, weight).sum().backward(), count=2)
    assert profile.product_operations == 2 * (2 * 150 * 7 * 11)  # forward, and the weight's gradient
    assert profile.seconds[PRODUCTS] > 0
    assert profile.total == pytest.approx(sum(profile.seconds.values()))


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda x: nn.functional.conv2d(x, torch.ones(4, 4, 3, 3)), "convolutions"),
        (lambda x: nn.functional.gelu(x), "GELU, norms, GRN, other arithmetic"),
        (lambda x: x.index_select(0, torch.zeros(64, dtype=torch.long)), "copies, gathers, zeros"),
        (lambda x: x.flatten(1).t() @ x.flatten(1), PRODUCTS),
        (lambda x: products._by_onednn(x.flatten(1), x.flatten(1)), PRODUCTS),
    ],
)
def test_an_operation_counts_for_its_kind(call, kind):
    x = torch.randn(16, 4, 32, 32)
    profile = profile_calls(lambda: call(x), count=3)
    assert max(set(KINDS) - {REST}, key=profile.seconds.get) == kind


def test_what_the_optimiser_calls_counts_for_it():
    parameter = nn.Parameter(torch.zeros(1000))
    parameter.grad = torch.ones(1000)
    profile = profile_calls(torch.optim.AdamW([parameter]).step, count=2)
    assert profile.seconds["optimiser"] > 0.9 * profile.total


def test_the_page_compares_with_the_first():
    seconds = dict.fromkeys(KINDS, 0.0)
    first = Profile({**seconds, PRODUCTS: 0.010, REST: 0.010}, product_operations=1e9)
    second = Profile({**seconds, PRODUCTS: 0.025, REST: 0.010}, product_operations=2e9)
    page = render("Title", "command", "machine", {"a": first, "b": second})
    assert "| matrix products | 10.0 | 25.0 | 2.50 |" in page
    assert "| all | 20.0 | 35.0 | 1.75 |" in page
    assert "a 50% of the time, at 100 GFLOP/s; b 71% of the time, at 80 GFLOP/s" in page


def test_the_command_writes_the_page(tmp_path, capsys):
    file = tmp_path / "profile.md"
    argv = ["profile", "--arch", "atto", "--batch-size", "1", "--size", "64", "--mask-ratio", "0.5", "--calls", "1"]
    assert main([*argv, "--markdown", str(file)]) == 0
    page = file.read_text()
    assert page.strip() == capsys.readouterr().out.strip()
    for part in ("| all |", "masked_dense / packed", "--calls 1", "atto, 1 images"):
        assert part in page


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_forward_pass_of_a_step_computes_in_the_type_asked_for(dtype):
    computed = []

    class Loss(nn.Linear):
        def forward(self, images, visible):
            result = super().forward(images)
            computed.append(result.dtype)
            return (result.sum(),)

    network = Loss(3, 4)
    training_step(network, torch.randn(2, 3), None, dtype)()
    assert computed == [dtype]
    assert network.weight.dtype == torch.float32
