"""A refusal says why and what to do."""

from cnxv2_mm.swap.refusal import SwapRefused


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
