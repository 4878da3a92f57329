"""By which mean and standard deviation the images are normalised."""

from dataclasses import dataclass

from cnxv2_mm.images.survey import Survey
from cnxv2_mm.recipes.pretraining.start import Start
from cnxv2_mm.swap.image_statistics import IMAGENET

# How far from ImageNet's the statistics of photographs may be: folders of a few hundred photographs vary by this much.
_NEAR_MEAN = 25.0
_NEAR_STD = 1.25
_DIGITS = 6


@dataclass(frozen=True)
class Normalisation:
    """What the images are normalised by.

    Attributes:
        mean: Of each channel, in the units of the files.
        std: Of each channel, likewise.
        why: Where they come from.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    why: str


def choose_normalisation(survey: Survey, start: Start | None) -> Normalisation:
    """Return the weights' statistics; without weights ImageNet's if the images are near them, else the images' own.

    Near is, for RGB bytes: each mean is at most 25 of 255 away from ImageNet's, each deviation at most by a factor of
    1.25. Then ImageNet's are taken, which every other library assumes of an encoder.

    Args:
        survey: The images.
        start: The weights that the training starts from.
    """
    if start is not None:
        return Normalisation(start.mean, start.std, f"those of {start.name}")
    if survey.channels == 3 and survey.bytes and _is_near(survey):
        return Normalisation(IMAGENET.mean, IMAGENET.std, "ImageNet's; those of the images are near")
    mean, std = (tuple(float(f"{x:.{_DIGITS}g}") for x in numbers) for numbers in (survey.mean, survey.std))
    return Normalisation(mean, std, f"measured on {survey.measured} of the images")


def _is_near(survey: Survey) -> bool:
    near = [abs(a - b) <= _NEAR_MEAN for a, b in zip(survey.mean, IMAGENET.mean, strict=True)]
    near += [1 / _NEAR_STD <= a / b <= _NEAR_STD for a, b in zip(survey.std, IMAGENET.std, strict=True)]
    return all(near)
