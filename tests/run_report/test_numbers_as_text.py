"""Numbers as people read them."""

import datetime

import pytest

from cnxv2_mm.run_report.numbers_as_text import clock, count, duration, number, size


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.57161, "0.5716"),
        (12.3456, "12.35"),
        (1234.5, "1,234"),
        (1234.0, "1,234"),
        (1.234567e-5, "1.23e-05"),
        (0.0, "0"),
        (-0.25, "-0.25"),
        (100.0, "100"),
        (float("nan"), "not finite"),
        (float("inf"), "not finite"),
    ],
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (750, "12 min 30 s"),
        (12_000, "3 h 20 min"),
        (86_400 * 2 + 3600 * 4 + 59, "2 d 4 h"),
        (3599.7, "1 h"),
        (-5, "0 s"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1300, "1.3 kB"), (123_456_789, "123 MB"), (5_000_000_000_000, "5000 GB")],
)
def test_size(num_bytes, text):
    assert size(num_bytes) == text


def test_count_and_clock():
    assert count(1234567) == "1,234,567"
    text = clock(1_000_000_000)
    assert text.startswith(datetime.datetime.fromtimestamp(1_000_000_000).strftime("%Y-%m-%d %H:%M:%S"))
