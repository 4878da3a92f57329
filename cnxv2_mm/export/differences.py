"""Parity: how far the outputs of an exported model are from those of the model itself, and how far they may be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cnxv2_mm.export.models.base import Output

# Of the outputs in float32, and of those that are computed in float16: what is stated in docs/export.md.
_SCORE = {False: 1e-3, True: 0.03}
_PIXELS = {False: 0.05, True: 2.0}  # of the coordinates of a box
_SHARE = {False: 1e-3, True: 0.02}  # of the pixels of masks and label maps
_RELATIVE = {False: 1e-3, True: 0.03}  # of maps, to the largest number of the map
_UNMATCHED = {False: 0.0, True: 0.1}  # of the detections
_SAME_PLACE = 0.5  # IoU of two detections that may be one and the same


@dataclass(frozen=True)
class Difference:
    """How far an output is from what is expected.

    Attributes:
        name: Of the output; 'detections' for those that only one of both models has.
        largest: The largest difference; infinite where the shapes differ or a number is not finite.
        tolerance: How large it may be.
        unit: Of both, in words; empty for plain numbers.
        beyond: The share of the detections whose difference is larger than the usual tolerance.
        reason: Why it may be as large, where that is not the usual tolerance.
    """

    name: str
    largest: float
    tolerance: float
    unit: str
    beyond: float = 0.0
    reason: str = ""

    @property
    def is_within(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.largest <= self.tolerance


def differences(
    task: str,
    outputs: Sequence[Output],
    expected: Sequence[np.ndarray],
    found: Sequence[np.ndarray],
    fp16: bool = False,
    *,
    threshold: float = 0.0,
) -> list[Difference]:
    """Compare the outputs of two models for the same image.

    Detections are matched before they are compared: those of a class that are nearest in place and score. One without
    a partner counts, unless it is at the edge of what is kept: its score is within the tolerance of ``threshold``, or
    of the last score that is kept, and the other model has another one there.

    Args:
        task: Of the model.
        outputs: What the arrays are.
        expected: Of the model itself.
        found: Of the exported model, in the same order.
        fp16: Whether the exported model computes in float16, which has wider tolerances.
        threshold: The score above which the model keeps a detection.
    """
    if task == "detector":
        return _of_detections(outputs, expected, found, fp16, threshold)
    return [_of_output(*each, fp16) for each in zip(outputs, expected, found, strict=True)]


def largest(all_images: Iterable[Sequence[Difference]]) -> list[Difference]:
    """Return the largest difference of each output over several images; one beyond its tolerance before all others."""
    found: dict[str, Difference] = {}
    for one in (one for of_image in all_images for one in of_image):
        other = found.setdefault(one.name, one)
        if (not one.is_within, one.largest) > (not other.is_within, other.largest):
            found[one.name] = one
    return list(found.values())


def score_threshold(model: object) -> float:
    """Return the score above which a detector of mmdet keeps a detection; 0 for other models."""
    config = getattr(model, "test_cfg", None) or {}
    config = config.get("rcnn") or config
    return float(config.get("score_thr") or 0.0)


def _of_output(output: Output, expected: np.ndarray, found: np.ndarray, fp16: bool) -> Difference:
    name = output.name
    if np.issubdtype(expected.dtype, np.integer) or expected.dtype == bool:
        share = float((expected != found).mean()) if expected.shape == found.shape else np.inf
        return Difference(name, share, _SHARE[fp16], "of the pixels")
    if name == "scores":
        return Difference(name, _distance(expected, found), _SCORE[fp16], "")
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-30)
    return Difference(name, _distance(expected, found) / scale, _RELATIVE[fp16], "of the largest number")


def _distance(expected: np.ndarray, found: np.ndarray) -> float:
    """Return the largest absolute difference."""
    if expected.shape != found.shape or not (np.isfinite(expected).all() and np.isfinite(found).all()):
        return np.inf
    return float(np.abs(expected.astype(np.float64) - found).max(initial=0.0))


def _of_detections(
    outputs: Sequence[Output],
    expected: Sequence[np.ndarray],
    found: Sequence[np.ndarray],
    fp16: bool,
    threshold: float,
) -> list[Difference]:
    names = [output.name for output in outputs]
    one, other = (dict(zip(names, arrays, strict=True)) for arrays in (expected, found))
    sizes = [[len(model[name]) for name in names] for model in (one, other)]
    whole = all(len(set(lengths)) == 1 for lengths in sizes) and all(
        np.isfinite(model[name]).all() for model in (one, other) for name in ("boxes", "scores")
    )
    if not whole:
        return [Difference("detections", np.inf, _UNMATCHED[fp16], "without a partner")]
    pairs = _match(one, other, fp16)
    first, second = pairs[:, 0], pairs[:, 1]
    alone = _without_partner(one["scores"], other["scores"], first, second, max(threshold, 0.0), _SCORE[fp16])
    share = alone / max(len(one["scores"]), len(other["scores"]), 1)
    found_differences = [Difference("detections", share, _UNMATCHED[fp16], "without a partner")]
    for name, tolerance, unit in (("boxes", _PIXELS[fp16], "pixels"), ("scores", _SCORE[fp16], "")):
        apart = np.abs(one[name][first].astype(np.float64) - other[name][second])
        each = apart.max(axis=1, initial=0.0) if apart.ndim > 1 else apart
        beyond = float((each > tolerance).sum()) / max(len(each), 1)
        found_differences.append(Difference(name, float(each.max(initial=0.0)), tolerance, unit, beyond))
    if "masks" in one:
        share = _mask_share(one["masks"], other["masks"], pairs)
        found_differences.append(Difference("masks", share, _SHARE[fp16], "of the pixels"))
    return found_differences


def _match(one: dict[str, np.ndarray], other: dict[str, np.ndarray], fp16: bool) -> np.ndarray:
    """Return the numbers of detections that are the same, (pairs, 2): the best first, each with the nearest."""
    free = np.ones(len(other["scores"]), dtype=bool)
    pairs = []
    for index in np.argsort(-one["scores"], kind="stable"):
        box, score = one["boxes"][index], one["scores"][index]
        boxes_apart = np.abs(other["boxes"] - box).max(axis=1, initial=0.0) / _PIXELS[fp16]
        scores_apart = np.abs(other["scores"] - score) / _SCORE[fp16]
        apart = boxes_apart + scores_apart
        same = np.maximum(boxes_apart, scores_apart) <= 1
        near = free & (other["labels"] == one["labels"][index])
        # A partner far away is none. In float16 one that is beyond the tolerances is another box as well: of two that
        # overlap and have almost the same score, the suppression keeps either.
        near &= same if fp16 else same | (_overlap(other["boxes"], box) >= _SAME_PLACE)
        if near.any():
            partner = int(np.where(near, apart, np.inf).argmin())
            free[partner] = False
            pairs.append((int(index), partner))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _overlap(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the IoU of (K, 4) boxes with one."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = (high - low).clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1) + (box[2:] - box[:2]).clip(0).prod()
    return np.asarray(shared / np.maximum(areas - shared, 1e-30))


def _without_partner(
    one: np.ndarray, other: np.ndarray, first: np.ndarray, second: np.ndarray, threshold: float, tolerance: float
) -> int:
    """Return how many detections without a partner are not at the edge of what is kept."""
    alone = [np.delete(one, first), np.delete(other, second)]
    inside = [scores > threshold + tolerance for scores in alone]
    if len(one) == len(other) and len(one):
        # Both are cut at the same number: equal scores at its end may change places.
        last = min(one.min(), other.min())
        inside = [kept & (scores > last + tolerance) for kept, scores in zip(inside, alone, strict=True)]
    return int(sum(kept.sum() for kept in inside))


def _mask_share(one: np.ndarray, other: np.ndarray, pairs: np.ndarray) -> float:
    """Return the share of the pixels of all masks that only one of both has."""
    if one.shape[1:] != other.shape[1:]:
        return np.inf
    apart = sum(int((one[i] != other[j]).sum()) for i, j in pairs)
    together = sum(int((one[i] | other[j]).sum()) for i, j in pairs)
    return apart / max(together, 1)
