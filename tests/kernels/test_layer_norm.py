"""Which norms are PyTorch's own: all of them on a CPU, and everywhere those that the programs do not compute."""

import pytest
import torch
from torch import nn

from cnxv2_mm.kernels.layer_norm import FEWEST_ROWS, MOST_CHANNELS, MOST_PARTS, layer_norm, num_parts


class Doubled(nn.LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def hooked(norm: nn.LayerNorm) -> nn.LayerNorm:
    norm.register_forward_hook(lambda module, inputs, output: 3 * output)
    return norm


@pytest.mark.parametrize(
    "norm",
    [
        nn.LayerNorm(8, elementwise_affine=False),
        nn.LayerNorm(8, bias=False),
        nn.LayerNorm((3, 8)),
        Doubled(8),
        hooked(nn.LayerNorm(8)),
    ],
    ids=["without parameters", "without bias", "two dimensions", "a subclass", "a hook"],
)
def test_any_other_norm_is_called(norm, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")  # Triton is said to run; nothing is launched
    x = torch.randn(2, 3, 8)
    assert torch.equal(layer_norm(x, norm), norm(x))


@pytest.mark.parametrize("channels", [8, MOST_CHANNELS + 1])
def test_a_row_too_long_for_the_registers_is_pytorchs(channels, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "0" if channels == 8 else "1")
    x, norm = torch.randn(2, channels), nn.LayerNorm(channels)
    assert torch.equal(layer_norm(x, norm), norm(x))


def test_another_shape_is_pytorchs_error(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    with pytest.raises(RuntimeError, match="normalized_shape"):
        layer_norm(torch.randn(2, 7), nn.LayerNorm(8))


def test_a_cpu_under_autocast_keeps_the_type_of_pytorchs():
    x, norm = torch.randn(2, 8, dtype=torch.bfloat16), nn.LayerNorm(8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer_norm(x, norm)
        assert torch.equal(y, norm(x))
    assert y.dtype == torch.bfloat16


@pytest.mark.parametrize("rows", [0, 1, FEWEST_ROWS + 1, 10**9])
def test_the_number_of_parts_follows_from_the_rows(rows):
    assert num_parts(rows) == {0: 1, 1: 1, FEWEST_ROWS + 1: 2, 10**9: MOST_PARTS}[rows]
