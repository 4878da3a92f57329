import pytest

from cnxv2_mm.recipes.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("30m", 1800), ("30min", 1800), ("2h", 7200), ("1h30m", 5400), ("1.5H", 5400), (" 1d 2h ", 93600)],
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "0s", "h", "2 hours", "1.2.3s", "30m2h", "-1h"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="cannot be read: write it as 45s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (4.26, "4.3 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "1 h"),
        (7500, "2 h 5 min"),
        (86400, "1 d"),
        (100000, "1 d 4 h"),
    ],
)
def test_durations_are_written(seconds, text):
    assert format_duration(seconds) == text
