"""The categories of both parts of a data set: mmdet numbers them in the order of each file, so that both must agree."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cnxv2_mm.recipes.data.coco_part import Part
from cnxv2_mm.training.data_check.findings import Finding, some


def settle_categories(train: Part, val: Part) -> list[Finding]:
    """Give both parts the same categories: those that have an object in one of them, with the ids of training.

    Args:
        train: The part for training; its and the other's categories and annotations are replaced.
        val: The part for validation.

    Returns:
        What was found: no object at all, which is fatal; categories without one in a part; ids with gaps.
    """
    in_train, in_val = Counter(_names(train)), Counter(_names(val))
    if not in_train:
        return [Finding(f"{train.file} has no annotation that can be used for training.", fatal=True)]
    if not in_val:
        return [Finding(f"{val.file} has no annotation that can be used for validation.", fatal=True)]
    entries = {category["name"]: category for category in [*train.categories, *val.categories]}
    entries |= {category["name"]: category for category in train.categories}
    ids = _ids(train.categories, val.categories)
    used = [name for name in ids if in_train[name] or in_val[name]]
    for part in (train, val):
        names = {category["id"]: category["name"] for category in part.categories}
        part.annotations = [{**a, "category_id": ids[names[a["category_id"]]]} for a in part.annotations]
        part.categories = [{**entries[name], "id": ids[name]} for name in used]
    return [
        *_absent([name for name in ids if name not in used], len(ids), "have no object and are left out"),
        *_absent([n for n in used if not in_val[n]], len(used), "have no object for validation and get no score"),
        *_absent([n for n in used if not in_train[n]], len(used), "have no object for training and cannot be learnt"),
        *_gaps([ids[name] for name in used]),
    ]


def _names(part: Part) -> list[str]:
    """Return the category of each object."""
    names = {category["id"]: category["name"] for category in part.categories}
    return [names[annotation["category_id"]] for annotation in part.annotations if not annotation["iscrowd"]]


def _ids(train: Sequence[Mapping[str, Any]], val: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the id of each category; one that only validation has keeps its own where that is free."""
    ids = {category["name"]: category["id"] for category in train}
    for category in val:
        if category["name"] not in ids:
            free = category["id"] not in ids.values()
            ids[category["name"]] = category["id"] if free else max(map(int, ids.values())) + 1
    return ids


def _absent(names: Sequence[str], total: int, what: str) -> list[Finding]:
    return [Finding(f"{len(names)} of {total} categories {what}: {some(names)}.")] if names else []


def _gaps(ids: Sequence[Any]) -> list[Finding]:
    numbers = sorted(number for number in ids if isinstance(number, int))
    if not numbers or numbers[-1] - numbers[0] < len(numbers):
        return []
    text = f"the ids of the categories have gaps ({some(numbers)}), which does no harm"
    return [Finding(f"{text}: the model numbers its classes 0 to {len(ids) - 1}.")]
