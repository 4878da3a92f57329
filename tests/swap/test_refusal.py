"""A refusal says why and what to do."""

import importlib

import pytest
from mmengine.registry import MODELS

from cnxv2_mm.swap.refusal import SwapRefused, tell


def test_the_message_has_the_reason_and_the_way_out():
    error = SwapRefused("strides", "The old maps have strides (2, 4).", "choose others.")
    assert isinstance(error, ValueError)
    assert str(error) == "The old maps have strides (2, 4). By hand: choose others."
    assert (error.kind, error.reason, error.by_hand) == (
        "strides",
        "The old maps have strides (2, 4).",
        "choose others.",
    )
    assert str(SwapRefused("strides", "No way.")) == "No way."


def fail_without_a_word():
    raise AssertionError  # pytest gives plain assert statements a text


@pytest.mark.parametrize(
    ("raise_it", "told"),
    [
        (lambda: int("x"), "ValueError: invalid literal for int() with base 10: 'x'"),
        (lambda: {}["a"], "KeyError: 'a'"),
        (fail_without_a_word, "AssertionError: raise AssertionError  # pytest"),
    ],
)
def test_an_error_is_told_in_one_line(raise_it, told):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        raise_it()
    assert tell(caught.value).startswith(told)
    assert tell(ValueError("two\n  lines")) == "ValueError: two lines"
    assert tell(ValueError()) == "ValueError"


def failure_to_build(name: str, scope: str) -> Exception:
    """What mmengine itself raises where mmdet and mmpretrain are imported."""
    for library in ("mmdet", "mmpretrain"):
        importlib.import_module(f"{library}.models")
    with MODELS.switch_scope_and_registry(scope) as registry, pytest.raises(KeyError) as caught:
        registry.build({"type": name})
    return caught.value


@pytest.mark.parametrize(
    ("name", "scope", "told"),
    [
        (
            "CoDETR",
            "mmengine",
            "mmengine has no model CoDETR; the config has no default_scope, which names the library of its types: add "
            "default_scope='mmdet', or whichever it is, and custom_imports for types of your own",
        ),
        (
            "SSDNeck",
            "mmengine",
            "mmengine has no model SSDNeck, mmdet has one; the config has no default_scope, which names the library of "
            "its types: add default_scope='mmdet', and custom_imports for types of your own",
        ),
        (
            "SSDNeck",
            "mmpretrain",
            "mmpretrain has no model SSDNeck, mmdet has one; the detector would not find it either: write "
            "type='mmdet.SSDNeck'",
        ),
        ("mmnone.FPN", "mmdet", "mmdet has no model mmnone.FPN; mmnone is not installed, or has no FPN"),
        ("LSKNet", "mmdet", "mmdet has no model LSKNet; custom_imports must import the module that registers it"),
    ],
)
def test_a_type_that_the_library_does_not_have_gets_the_hint_that_fits(name, scope, told):
    assert tell(failure_to_build(name, scope)) == f"KeyError: {told}"


def test_the_type_as_the_hint_writes_it_is_found():
    importlib.import_module("mmdet.models")
    with MODELS.switch_scope_and_registry("mmpretrain") as registry:
        assert registry.get("mmdet.SSDNeck").__name__ == "SSDNeck"
