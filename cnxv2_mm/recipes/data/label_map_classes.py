"""Which classes label maps have, and whether their numbers can be trained on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cnxv2_mm.training.data_check.findings import Finding, some

IGNORED = 255  # mmseg trains no pixel with this label


def as_trained(counts: np.ndarray, reduce_zero_label: bool) -> np.ndarray:
    """Count labels as mmseg's ``LoadAnnotations`` changes them.

    Args:
        counts: (..., 256), how many pixels of a file have each number.
        reduce_zero_label: Whether 0 is ignored and every other number is one less.

    Returns:
        (..., 256), how many pixels have each class; the last are those that are ignored.
    """
    if not reduce_zero_label:
        return counts
    reduced = np.zeros_like(counts)
    reduced[..., :254] = counts[..., 1:IGNORED]
    reduced[..., IGNORED] = counts[..., 0] + counts[..., IGNORED]
    return reduced


def settle_classes(
    files: Sequence[Path], counts: np.ndarray, names: tuple[Path, tuple[str, ...]] | None, reduce_zero_label: bool
) -> tuple[tuple[str, ...], list[Finding]]:
    """Return the names of the classes, and what is wrong with the labels.

    Args:
        files: The label maps, N of them.
        counts: (N, 256), how many of their pixels have each class; see :func:`as_trained`.
        names: The names, and the file that they are from; None if there are none. The classes are then called by their
            numbers in the files.
        reduce_zero_label: See :func:`as_trained`.
    """
    present = counts[:, :IGNORED] > 0  # (N, 255)
    used = np.flatnonzero(present.any(0))
    if not len(used):
        hint = "without --reduce-zero-label, 0 is a class" if reduce_zero_label else "255 is what is ignored"
        return (), [Finding(f"all {len(files)} label maps are to be ignored everywhere: {hint}.", fatal=True)]
    if names is not None:
        classes, findings = names[1], _beyond(files, present, names, reduce_zero_label)
    else:
        first = 1 if reduce_zero_label else 0
        classes = tuple(str(number + first) for number in range(used[-1] + 1))
        findings = _gaps(used + first, first)
    if len(used) == 1 and not findings:
        findings = [_only_one(int(used[0]) + int(reduce_zero_label), counts, reduce_zero_label)]
    return classes, findings


def _beyond(
    files: Sequence[Path], present: np.ndarray, names: tuple[Path, tuple[str, ...]], reduce_zero_label: bool
) -> list[Finding]:
    """Refuse numbers for which there is no name."""
    number = len(names[1])
    maps = np.flatnonzero(present[:, number:].any(1))
    if not len(maps):
        return []
    shift = int(reduce_zero_label)
    beyond = np.flatnonzero(present[maps[0], number:]) + number + shift
    allowed = f"the {number} classes of {names[0].name} ({shift} to {number - 1 + shift})"
    text = f"{len(maps)} of {len(files)} label maps have numbers beyond {allowed}: {files[maps[0]]} has {some(beyond)}"
    if not reduce_zero_label and np.flatnonzero(present.any(0))[-1] == number:
        text += "; if 0 is no class but means 'other', add --reduce-zero-label"
    return [Finding(f"{text}.", fatal=True)]


def _gaps(used: np.ndarray, first: int) -> list[Finding]:
    """Return what is to be said of numbers that no label map has: many are a sign of grey levels."""
    unused = sorted({*range(first, used[-1] + 1)} - {*used.tolist()})
    if len(unused) > len(used):
        counted = f"{first}, {first + 1}, {first + 2}, ..."
        text = (
            f"the label maps have the numbers {some(used)}, and {len(unused)} between them are unused: number the "
            f"classes {counted} without gaps; or, if these are right, name all {used[-1] + 1 - first} in a file "
            "classes.txt"
        )
        return [Finding(f"{text}.", fatal=True)]
    if unused:
        total = used[-1] + 1 - first
        return [Finding(f"{len(unused)} of {total} classes are in no label map: {some(unused)}.")]
    return []


def _only_one(number: int, counts: np.ndarray, reduce_zero_label: bool) -> Finding:
    text = f"{number} is the only class in the label maps"
    if number == 0 and counts[:, IGNORED].any():
        return Finding(f"{text}: 255 is ignored. In a mask of two classes write 1 in the place of 255.", fatal=True)
    if reduce_zero_label:
        return Finding(f"{text}: without --reduce-zero-label, 0 is a class too.", fatal=True)
    return Finding(f"{text}: a training needs two.", fatal=True)


def compare_classes(train: np.ndarray, val: np.ndarray, classes: Sequence[str]) -> list[Finding]:
    """Return which classes only one part shows.

    Args:
        train: (256,), how many pixels for training have each class.
        val: (256,), how many for validation.
        classes: Their names.
    """
    shown = [counts[: len(classes)] > 0 for counts in (train, val)]
    texts = (
        (~shown[0] & shown[1], "are in label maps for validation only and cannot be learnt"),
        (shown[0] & ~shown[1], "are in no label map for validation and get no score"),
    )
    found = []
    for which, text in texts:
        names = [classes[i] for i in np.flatnonzero(which)]
        if names:
            found.append(Finding(f"{len(names)} of {len(classes)} classes {text}: {some(names)}."))
    return found
