"""How long a training takes: from what the user says, or else from the amount of data, and from the machine."""

from dataclasses import dataclass
from math import ceil

from cnxv2_mm.recipes.duration import format_duration

# Without a GPU a training that the user did not size ends after two hours, but not before each image came ten times.
CPU_SECONDS = 2 * 3600
LEAST_EPOCHS = 10
# Validations take at most this share of the training's time; there are two at least and twenty at most.
_VALIDATION_SHARE = 0.15
_LEAST_VALIDATIONS, _MOST_VALIDATIONS = 2, 20
# What an image costs that is only looked at, in units of one that is learnt from.
_COST_OF_LOOKING = 0.5


@dataclass(frozen=True)
class Schedule:
    """How long a training is.

    Attributes:
        max_iters: Number of iterations.
        val_interval: Iterations from one validation and checkpoint to the next; the last one is at the end.
        epochs: How often each image comes.
        seconds: How long all of it will take, validations too.
        why: Why so long.
    """

    max_iters: int
    val_interval: int
    epochs: float
    seconds: float
    why: str

    @property
    def validations(self) -> int:
        """How many validations there are."""
        return ceil(self.max_iters / self.val_interval)


def choose_schedule(
    *,
    num_train: int,
    num_val: int,
    batch_size: int,
    seconds_per_step: float,
    images_to_see: int,
    images_why: str,
    on_cpu: bool,
    epochs: float | None = None,
    seconds: float | None = None,
) -> Schedule:
    """Choose the number of iterations and how often to validate.

    Args:
        num_train: Number of images to train with.
        num_val: Number of images to validate with.
        batch_size: Number of images in a step.
        seconds_per_step: How long a step takes.
        images_to_see: How many images to train on in all, if the user says nothing.
        images_why: Why so many.
        on_cpu: Whether there is no GPU.
        epochs: How often each image shall come; None if the user does not say it.
        seconds: How long the training may take, validations too; None if the user does not say it.

    Raises:
        ValueError: Both are given, or one is not above zero, or the time is too short for a single step.
    """
    if epochs is not None and seconds is not None:
        raise ValueError("--epochs and --time both say how long the training is: give one of them")
    if epochs is not None and not epochs > 0:
        raise ValueError(f"--epochs {epochs:g} must be above 0")
    looking = num_val * _COST_OF_LOOKING * seconds_per_step / batch_size
    per_epoch = num_train / batch_size
    if seconds is not None:
        iterations, why = _affordable(seconds, seconds_per_step, looking), f"--time {format_duration(seconds)}"
        if iterations < 1:
            need = format_duration(seconds_per_step + _LEAST_VALIDATIONS * looking)
            raise ValueError(f"{why} is too short: one step and {_LEAST_VALIDATIONS} validations take {need}")
    elif epochs is not None:
        iterations, why = max(1, ceil(epochs * per_epoch)), f"--epochs {epochs:g}"
    else:
        iterations, why = max(1, ceil(images_to_see / batch_size)), images_why
        limit = max(_affordable(CPU_SECONDS, seconds_per_step, looking), ceil(LEAST_EPOCHS * per_epoch))
        if on_cpu and iterations > limit:
            iterations = limit
            why = f"without a GPU {format_duration(CPU_SECONDS)}, but {LEAST_EPOCHS} epochs at least"
    validations = _validations(iterations * seconds_per_step, looking)
    interval = max(1, ceil(iterations / validations))
    return Schedule(
        max_iters=iterations,
        val_interval=interval,
        epochs=iterations / per_epoch,
        seconds=iterations * seconds_per_step + ceil(iterations / interval) * looking,
        why=why,
    )


def _affordable(seconds: float, seconds_per_step: float, looking: float) -> int:
    """Return how many iterations fit into a time, with the validations between them."""
    training = max(seconds / (1 + _VALIDATION_SHARE), seconds - _MOST_VALIDATIONS * looking)
    training = min(training, seconds - _LEAST_VALIDATIONS * looking)
    return int(training / seconds_per_step)


def _validations(training: float, looking: float) -> int:
    number = round(_VALIDATION_SHARE * training / looking) if looking > 0 else _MOST_VALIDATIONS
    return min(max(number, _LEAST_VALIDATIONS), _MOST_VALIDATIONS)
