"""Only plain floating-point numbers are weights."""

import itertools
import math

import pytest
import torch

from cnxv2_mm.checkpoints.weights import as_weight

DTYPES = {value for value in vars(torch).values() if isinstance(value, torch.dtype)}
WEIGHTS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
# Of 8 bits: bits of the exponent, its bias, and whether the format has infinities ("fn": none; "uz": no minus zero).
FLOAT8 = {
    torch.float8_e4m3fn: (4, 7, False),
    torch.float8_e5m2: (5, 15, True),
    torch.float8_e4m3fnuz: (4, 8, False),
    torch.float8_e5m2fnuz: (5, 16, False),
}


@pytest.mark.parametrize("dtype", WEIGHTS, ids=str)
def test_floating_point_numbers_stay_as_they_are(dtype):
    tensor = torch.ones(2, 3, dtype=dtype)
    assert as_weight("a", tensor) is tensor
    assert as_weight("a", tensor.T).dtype == dtype


@pytest.mark.parametrize("dtype", FLOAT8, ids=str)
def test_numbers_of_8_bits_become_float32_with_the_same_values(dtype):
    """Every one of the 256, decoded here by the formula of the format."""
    exponent_bits, bias, has_infinity = FLOAT8[dtype]
    mantissa_bits = 7 - exponent_bits
    values = as_weight("a", torch.arange(256, dtype=torch.uint8).view(dtype))
    assert values.dtype == torch.float32
    decoded = 0
    for pattern, value in enumerate(values.tolist()):
        sign, exponent = pattern >> 7, (pattern >> mantissa_bits) % 2**exponent_bits
        fraction = pattern % 2**mantissa_bits / 2**mantissa_bits
        if not math.isfinite(value):
            assert has_infinity or math.isnan(value)
            continue
        size = (1 + fraction) * 2.0 ** (exponent - bias) if exponent else fraction * 2.0 ** (1 - bias)
        assert value == (-1) ** sign * size
        decoded += 1
    assert decoded >= 248


@pytest.mark.parametrize("dtype", sorted(DTYPES - {*WEIGHTS, *FLOAT8}, key=str), ids=str)
def test_every_other_type_is_refused(dtype):
    name = str(dtype).removeprefix("torch.")
    message = (
        rf"is quantised \({name}\)" if name.startswith("q") else rf"is of type {name}, and weights are of .*float32"
    )
    with pytest.raises(ValueError, match=rf"^tensor 'a\.b' {message}"):
        as_weight("a.b", torch.empty(4, dtype=dtype))


UNUSABLE = {
    "quantised": (lambda: torch.empty(4, dtype=torch.qint8), r"is quantised \(qint8\); save tensor\.dequantize\(\)"),
    "sparse": (lambda: torch.eye(3).to_sparse(), r"is sparse \(sparse_coo\); save it dense, with tensor\.to_dense\(\)"),
    "sparse rows": (lambda: torch.eye(3).to_sparse_csr(), r"is sparse \(sparse_csr\); save it dense"),
    "nested": (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "is nested; save it dense"),
    "meta": (lambda: torch.ones(3, device="meta"), r"has a shape but no numbers \(it is on the meta device\)"),
    "expanded": (
        lambda: torch.ones(1).expand(10**12),
        r"of shape \(1000000000000,\) stores fewer numbers than its shape has \(stride \(0,\)\); save tensor\.c",
    ),
    "one axis expanded": (lambda: torch.ones(3, 1).expand(3, 2), "stores fewer numbers than its shape has"),
    "a row of a matrix, expanded": (
        lambda: torch.ones(9, 9)[0].expand(3, 9),
        "stores fewer numbers than its shape has",
    ),
    "overlapping": (lambda: torch.ones(10).as_strided((5, 5), (1, 1)), "stores fewer numbers than its shape has"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_holds_no_numbers_of_its_own_is_refused(kind):
    make, message = UNUSABLE[kind]
    with pytest.raises(ValueError, match=rf"^tensor 'a\.b' .*{message}"):
        as_weight("a.b", make())


def test_views_of_whole_tensors_are_weights():
    whole = torch.arange(24.0).view(2, 3, 4)
    for tensor in (whole[1], whole[:, ::2], whole.permute(2, 0, 1), whole[:0], torch.tensor(1.0), whole[:, :1, :1]):
        assert as_weight("a", tensor) is tensor
    for shape in itertools.permutations((1, 1, 5)):
        assert as_weight("a", torch.ones(5).expand(1, 1, 5).reshape(shape)) is not None
