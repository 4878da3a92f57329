"""A refusal says why and what to do."""

import pytest

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
