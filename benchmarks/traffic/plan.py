"""The rows of ``benchmarks/gpu_traffic.json``."""

from dataclasses import dataclass

from cnxv2_mm.variants import VARIANTS

PARTS = {
    "step": "a step of FCMAE: encoder, decoder, loss, backward; without the optimiser",
    "encoder": "the encoder on visible patches, forward and backward",
    "backbone": "four maps of whole images, forward and backward",
}
ARCHS = tuple(VARIANTS)
LAYOUTS = ("packed", "masked_dense")
MODES = ("eager", "compiled")


@dataclass(frozen=True)
class Row:
    """What is counted.

    Attributes:
        part: A key of :data:`PARTS`.
        layout: One of :data:`LAYOUTS`; 'dense' for the backbone, and only for it.
        arch: A size by name.
        images: Number of images.
        mode: One of :data:`MODES`.
        size: Height and width of the images in pixels.
    """

    part: str
    layout: str
    arch: str
    images: int
    mode: str
    size: int = 224


STEPS = {"atto": 128, "tiny": 128, "base": 64}
PLAN: tuple[Row, ...] = (
    *(
        Row("step", layout, arch, images, mode)
        for arch, images in STEPS.items()
        for layout in LAYOUTS
        for mode in MODES
    ),
    *(Row("backbone", "dense", "tiny", 2, mode, 1024) for mode in MODES),
)
