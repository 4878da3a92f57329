"""Values written as Python."""

import pytest

from cnxv2_mm.config.literal import LINE, literal

VALUES = [
    None,
    True,
    -1.5,
    float("inf"),
    'quotes "and" \\ more\n',
    (1,),
    (),
    [],
    {},
    {"a": 1, "b": {"c": (1, 2), "type": "X"}},
    {"backbone.norm": 1, "class": 2, 3: [4]},
    [{"type": "Step" * 12, "number": i, "deep": {"list": [{"text": "t" * 70}, i], "x": None}} for i in range(3)],
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_python_reads_the_same_value(value):
    assert eval(literal(value)) == value


@pytest.mark.parametrize("key", ["class", "None", "a.b", "2x", "", "a b", 3, None])
def test_keys_that_are_no_names_of_arguments(key):
    """dict(class=1) is a syntax error, dict(2x=1) another. In one line, and where a mapping is broken into lines."""
    for value in ({key: 1, "b": 2}, {"inner": {key: "t" * 70, "b": "t" * 70}}):
        assert eval(literal(value)) == value


def test_lines_are_not_too_long():
    text = literal(VALUES[-1])
    assert len(text.splitlines()) > 3
    assert max(map(len, text.splitlines())) <= LINE


def test_other_objects_are_refused():
    with pytest.raises(ValueError, match="cannot be written"):
        literal({"type": object()})
