import math

import pytest

from cnxv2_mm.recipes.finetuning.rates import Rates, choose_rates
from cnxv2_mm.recipes.finetuning.start import Start
from cnxv2_mm.variants import VARIANTS

BY_WIDTH = {384: (1e-3, 0.9, 0.0, "narrow"), 768: (1e-4, 0.8, 0.2, "wider"), math.inf: (1e-5, 0.7, 0.4, "the widest")}


@pytest.mark.parametrize(
    ("arch", "rates"),
    [
        ("atto", Rates(1e-3, 4, 0.9, 0.0, "narrow")),
        ("femto", Rates(1e-3, 4, 0.9, 0.0, "narrow")),  # of 384 channels
        ("pico", Rates(1e-4, 4, 0.8, 0.2, "wider")),
        ("tiny", Rates(1e-4, 4, 0.8, 0.2, "wider")),  # of 768
        ("huge", Rates(1e-5, 4, 0.7, 0.4, "the widest")),
    ],
)
def test_the_width_of_the_last_stage_decides(arch, rates):
    size = VARIANTS[arch]
    start = Start("file.pth", {"arch": arch}, size.channels, size.depths, (0,) * 3, (1,) * 3, "MIT")
    assert choose_rates(BY_WIDTH, 4, start) == rates
