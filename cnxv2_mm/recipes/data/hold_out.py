"""Which samples are held out for validation where a data set comes in one piece: a fifth of each class."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping

HELD_OUT = 0.2


def hold_out(classes_of: Mapping[str, Collection[str]]) -> set[str]:
    """Choose a fifth of the samples, at least one, with about a fifth of the samples of each class.

    The rarest class is served first: a sample that shows it shows frequent ones, too, and seldom the other way round
    (iterative stratification: Sechidis et al., ECML PKDD 2011). The choice depends on nothing but the names: the same
    data give the same samples, in whatever order they come.

    Args:
        classes_of: The classes that each sample shows, by its name; none for a sample without objects.

    Returns:
        The names of the samples to hold out. The last sample of a class stays in training, if any other can be taken.

    Raises:
        ValueError: There are fewer than two samples.
    """
    if len(classes_of) < 2:
        raise ValueError(
            f"{len(classes_of)} labelled image cannot be divided into one part for training and one for validation: "
            "label at least two, better 50"
        )
    shuffled = sorted(classes_of, key=lambda name: hashlib.sha256(name.encode()).digest())
    labels = {name: set(classes_of[name]) for name in shuffled}
    number = Counter(label for shown in labels.values() for label in shown)
    chosen: dict[str, None] = {}
    held: Counter[str] = Counter()
    total = max(1, round(HELD_OUT * len(shuffled)))

    def take(wanted: int, names: list[str], spare_last: bool = True) -> None:
        for name in names:
            if wanted <= 0 or len(chosen) >= total:
                return
            if name in chosen or (spare_last and any(held[label] + 1 >= number[label] for label in labels[name])):
                continue
            chosen[name] = None
            held.update(labels[name])
            wanted -= 1

    for label in sorted(number, key=lambda label: (number[label], label)):
        take(round(HELD_OUT * number[label]) - held[label], [name for name in shuffled if label in labels[name]])
    take(total, [name for name in shuffled if not labels[name]])
    take(total, shuffled)  # where classes are so rare that none of them has a fifth
    take(total, shuffled, spare_last=False)
    return set(chosen)
