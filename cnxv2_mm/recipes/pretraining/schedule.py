"""Size of images, batch size, epochs and learning rate of a pre-training."""

from dataclasses import dataclass
from math import sqrt

from cnxv2_mm.images.survey import Survey
from cnxv2_mm.recipes.duration import format_duration
from cnxv2_mm.training.monitoring.held_out_sampler import HeldOutSampler
from cnxv2_mm.variants import LAST_STRIDE

SIZE = 224
SMALLEST_SIZE = 2 * LAST_STRIDE  # with one patch there is nothing to hide
# [P8]: table 8 of ConvNeXt V2, arXiv 2301.00808; [ours]: our choice.
PAPER_EPOCHS = 800  # [P8]
_PAPER_RATE = 1.5e-4  # [P8]: for 256 images in a step
# [ours]: images seen in all, if nobody says how long: hours on a laptop, or on one GPU.
MOST_SEEN_ON_CPU, MOST_SEEN_ON_GPU = 50_000, 10_000_000
# [ours]: a batch leaves so many steps if it can; smaller ones than 16 compute slowly.
_STEPS = 10_000
SMALLEST_BATCH, LARGEST_BATCH = 16, 1024
# [ours], see learning_rate.
_SHORT_RATE, _SHORT_STEPS = 1e-3, 2000
# A held-out image costs as much as 1.2 of the training: it is encoded twice, once whole (measured, docs/pretrain.md).
COST_OF_MEASURING = 1.2
_MEASURES = 12


@dataclass(frozen=True)
class Schedule:
    """How long a pre-training is.

    Attributes:
        epochs: How often each image is loaded.
        steps: Number of steps.
        batch_size: Number of images that a step loads.
        repeats: How often each of them is trained on in the step.
        seconds: How long the whole training will take.
        why: Why so long.
    """

    epochs: int
    steps: int
    batch_size: int
    repeats: int
    seconds: float
    why: str

    @property
    def probe_interval(self) -> int:
        """Steps between two measures of the held-out images: about twelve in all."""
        return -(-self.steps // _MEASURES)

    @property
    def checkpoint_interval(self) -> int:
        """Epochs between two checkpoints: about twenty in all."""
        return max(1, self.epochs // 20)


def split(number: int) -> tuple[int, int]:
    """Return how many of a number of images are trained on, and how many are held out."""
    sampler = HeldOutSampler(range(number), seed=0)
    return len(sampler.kept), len(sampler.held_out)


def choose_size(survey: Survey, size: int | None) -> tuple[int, str]:
    """Return the side of the square crops in pixels, and why.

    224, as in the paper; or the largest multiple of 32 that the shorter side of half of the images has, if that is
    less. 64 at least.

    Raises:
        ValueError: The size that the user asks for is no multiple of 32, or is below 64.
    """
    if size is not None:
        if size % LAST_STRIDE or size < SMALLEST_SIZE:
            raise ValueError(f"--size {size} must be a multiple of {LAST_STRIDE}, {SMALLEST_SIZE} at least")
        return size, "--size"
    if survey.median_side >= SIZE:
        return SIZE, "as in the paper"
    fitting = max(SMALLEST_SIZE, survey.median_side // LAST_STRIDE * LAST_STRIDE)
    return fitting, f"half of the images have a shorter side of {survey.median_side} or less; a multiple of 32"


def default_epochs(num_train: int, on_gpu: bool, repeats: int = 1) -> tuple[int, str]:
    """Return how often each image is loaded, if the user says nothing, and why.

    The paper's 800 epochs, but no more images in all than 50 000 without a GPU, or 10 million on one; one epoch at
    least.
    """
    most = MOST_SEEN_ON_GPU if on_gpu else MOST_SEEN_ON_CPU
    if num_train * PAPER_EPOCHS <= most:
        return max(1, PAPER_EPOCHS // repeats), "the paper's 800 epochs"
    where = "on a GPU" if on_gpu else "without a GPU"
    return max(1, most // (num_train * repeats)), f"at most {most:,} images seen {where}; --time or --epochs change it"


def wanted_batch(num_train: int, seen: int) -> int:
    """Return the number of images in a step that leaves 10 000 steps: a power of two from 16 to 1024.

    Args:
        num_train: Number of images; a batch has no more.
        seen: Number of images in all epochs together.
    """
    batch = SMALLEST_BATCH
    while 2 * batch <= min(LARGEST_BATCH, seen // _STEPS):
        batch *= 2
    return min(batch, num_train)


def learning_rate(images_per_step: int, steps: int) -> tuple[float, str]:
    """Return the highest learning rate of a training, and why.

    The paper's rule, 1.5e-4 for each 256 images in a step, is for trainings of 250 000 steps of 4096 images. In 300
    steps of 16, at 9e-6, nothing is learnt. So short trainings have 1e-3, of which the paper's own rate for 4096
    images, 2.4e-3, is 2.4 times. From 2000 steps on the rate falls with the root of their number, until the paper's
    rule gives more: from 22 000 steps on with 512 images in a step.

    Measured (FCMAE atto, 16 images of 160 pixels in a step, the paper's initialisation and decoder). The demo's 400
    scenes, loss of 100 scenes on other photographs: 276 steps at 2e-3 0.855, at 1e-3 0.808, at 5e-4 0.811; 1104 steps
    at 1e-3 0.721, at 2.5e-4 0.741. 300 crops of seven photographs, loss of held-out crops: 272 steps at 2e-3 0.528, at
    1e-3 0.494; 136 steps at 1e-3 0.541, and from weights learnt on the scenes at 1e-3 0.495, at 2.5e-4 0.523. The fall
    beyond 2000 steps is our choice, not measured.

    Args:
        images_per_step: Images that a step trains on.
        steps: Number of steps.
    """
    paper = _PAPER_RATE * images_per_step / 256
    short = _SHORT_RATE * min(1.0, sqrt(_SHORT_STEPS / max(1, steps)))
    if paper >= short:
        return _rounded(paper), "the paper's rule: 1.5e-4 x images in a step / 256"
    return _rounded(short), f"a training of {steps} steps learns little at the paper's {_rounded(paper):g}"


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")


def choose_length(
    *,
    num_train: int,
    num_held_out: int,
    batch_size: int,
    seconds_per_step: float,
    on_gpu: bool,
    epochs: int | None = None,
    seconds: float | None = None,
    repeats: int = 1,
) -> Schedule:
    """Choose the number of epochs, and say how long they take.

    Args:
        num_train: Number of images that are trained on.
        num_held_out: Number of those that are measured.
        batch_size: Number of images that a step loads.
        seconds_per_step: How long a step takes, with ``repeats``.
        on_gpu: Whether there is a GPU.
        epochs: How often each image is loaded; None if the user does not say it.
        seconds: How long the training may take; None if the user does not say it.
        repeats: How often an image is trained on in a step.

    Raises:
        ValueError: Both are given, or the time is shorter than an epoch.
    """
    if epochs is not None and seconds is not None:
        raise ValueError("--epochs and --time both say how long the training is: give one of them")
    if epochs is not None and epochs < 1:
        raise ValueError(f"--epochs {epochs} must be 1 or more")
    per_epoch = -(-num_train // batch_size)
    measuring = (_MEASURES + 2) * num_held_out * COST_OF_MEASURING * seconds_per_step / (batch_size * repeats)
    if seconds is not None:
        one = per_epoch * seconds_per_step
        epochs, why = int((seconds - measuring) / one), f"--time {format_duration(seconds)}"
        if epochs < 1:
            need = format_duration(one + measuring)
            raise ValueError(f"{why} is too short: each image once, and the measures, take {need} on this machine")
    elif epochs is not None:
        why = f"--epochs {epochs}"
    else:
        epochs, why = default_epochs(num_train, on_gpu, repeats)
    steps = epochs * per_epoch
    return Schedule(epochs, steps, batch_size, repeats, steps * seconds_per_step + measuring, why)
