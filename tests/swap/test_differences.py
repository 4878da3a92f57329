"""Differences against mmengine's own merging."""

import random
from copy import deepcopy

import pytest
from mmengine.config import Config

from cnxv2_mm.swap.differences import changes, differences


def anything(rng, depth):
    kind = rng.randrange(8 if depth else 5)
    if kind >= 5:
        return {key: anything(rng, depth - 1) for key in rng.sample("abcd", rng.randrange(4))}
    return [None, rng.randrange(3), [rng.randrange(2)], (rng.randrange(2),), [{"a": rng.randrange(2)}]][kind]


@pytest.mark.parametrize("seed", range(200))
def test_merging_them_gives_the_new_config(seed):
    rng = random.Random(seed)
    old = {key: anything(rng, 3) for key in "abcd"}
    new = {key: anything(rng, 3) for key in "abcde"}
    merged = Config._merge_a_into_b(deepcopy(differences(old, new)), deepcopy(old))
    assert Config(merged).to_dict() == new


def test_only_what_differs_is_stated():
    old = {"model": {"a": 1, "b": {"c": 2, "d": 3}}, "x": [1, 2], "y": 1}
    new = {"model": {"a": 1, "b": {"c": 5, "d": 3}}, "x": [1, 2], "y": 1.0}
    assert differences(old, new) == {"model": {"b": {"c": 5}}, "y": 1.0}
    assert differences(old, {**old, "x": (1, 2)}) == {"x": (1, 2)}
    assert differences(old, old) == {}


def test_what_disappears_deletes_its_parent():
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}) == {"a": {"_delete_": True, "c": 2}}
    assert differences({"a": 1}, {"a": {"c": 2}}) == {"a": {"_delete_": True, "c": 2}}


def test_changes_as_rows():
    old = {"model": {"a": 1, "b": {"c": 2}}, "x": [1]}
    new = {"model": {"a": 2, "b": {"d": 2}}, "x": [1], "n": 3}
    assert list(changes(old, new)) == [("model.a", 1, 2), ("model.b", {"c": 2}, {"d": 2}), ("n", None, 3)]
