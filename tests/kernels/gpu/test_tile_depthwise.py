"""The programs that tiny starts, compiled for GPUs that are not there: few registers, none spilled, wide loads."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import torch

from cnxv2_mm.kernels.gpu.tile_depthwise import add_parts, convolve, weight_gradient
from cnxv2_mm.variants import VARIANTS
from tests.kernels.gpu.ahead_of_time import CUOBJDUMP, Launch, cubin, launches, resources

# By the side of a tile: of the convolution, and of the weight gradient, with any Triton from 3.3 to 3.8.
# A program has 64 threads, and a processor 65536 registers: with 128 registers a thread, 8 programs run at a time.
MOST_REGISTERS = {8: (128, 104), 4: (136, 136), 2: (96, 128), 1: (64, 120)}
SIDES = dict(zip(MOST_REGISTERS, VARIANTS["tiny"].channels, strict=True))


def programs(
    side: int, dtype: torch.dtype = torch.bfloat16, images: int = 128, places: int = 7, tiles: int = 19
) -> list[Launch]:
    """The forward pass, the gradient of the input, and the gradient of the weight."""
    with torch.device("meta"):
        x = torch.empty(images, tiles * side * side, SIDES[side], dtype=dtype)
        numbers = torch.empty(images, places, places, dtype=torch.int32)
        positions = torch.empty(images, tiles, dtype=torch.int32)
        taps, bias = torch.empty(49, SIDES[side]), torch.empty(SIDES[side])

    def start() -> None:
        convolve(x, numbers, positions, taps, bias, side, turned=False)
        convolve(x, numbers, positions, taps, None, side, turned=True)
        weight_gradient(x, numbers, positions, x, side, chunks=min(images, 27))

    found = launches(start)
    assert len(found) == 3
    return found


@pytest.mark.parametrize("capability", [80, 90, 100])
@pytest.mark.parametrize("side", MOST_REGISTERS)
def test_registers_are_few_and_none_is_spilled(side, capability):
    convolution, gradient = MOST_REGISTERS[side]
    for launch, most in zip(programs(side), (convolution, convolution, gradient), strict=True):
        used = resources(launch, capability)
        assert used["STACK"] == used["LOCAL"] == 0
        assert used["REG"] <= most


@pytest.mark.parametrize("capability", [80, 90, 100])
def test_the_sum_of_parts_is_small_too(capability):
    with torch.device("meta"):
        tensors = torch.empty(27, 50, 96), torch.empty(96, 1, 7, 7), torch.empty(96)
    (launch,) = launches(lambda: add_parts(*tensors))
    used = resources(launch, capability)
    assert used["STACK"] == used["LOCAL"] == 0
    assert used["REG"] <= 64


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("side", MOST_REGISTERS)
def test_no_other_type_spills(side, dtype):
    for launch in programs(side, dtype):
        used = resources(launch, 90)
        assert used["STACK"] == used["LOCAL"] == 0
        assert used["REG"] <= 136


@pytest.mark.parametrize("side", MOST_REGISTERS)
def test_a_single_tile_compiles_too(side):
    """Numbers that are one are constants to Triton, which are not tensors."""
    for launch in programs(side, images=1, places=1, tiles=1):
        assert resources(launch, 90)["LOCAL"] == 0


@pytest.mark.parametrize("side", MOST_REGISTERS)
def test_cells_are_read_and_written_eight_bytes_at_a_time_or_more(side, tmp_path):
    """Four bytes at a time are the numbers and positions of tiles, and partial sums, written once."""
    for launch in programs(side):
        file = Path(tmp_path / "program.cubin")
        file.write_bytes(cubin(launch, 90))
        code = subprocess.run([CUOBJDUMP, "--dump-sass", file], capture_output=True, text=True, check=True).stdout
        loads, stores = Counter(re.findall(r"\bLDG\.E(\S*)", code)), Counter(re.findall(r"\bSTG\.E(\S*)", code))
        assert {*loads, *stores} <= {"", ".64", ".128"}
        assert loads[".64"] + loads[".128"] >= side + 6  # the columns that a line sees
        tiles_crossed = 2 * -(-3 // side) + 1
        assert loads[""] <= 2 * tiles_crossed + 3  # the compiler may read them a turn of the loop ahead
        if "taps" in launch.arguments:
            assert stores[""] == 0
