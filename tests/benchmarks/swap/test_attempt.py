"""A step of the walk, and how it failed."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.swap.attempt import Failure, attempt
from tests.test_structure import ROOT


def test_a_step_that_works_gives_its_result():
    assert attempt(divmod, 7, 2) == (3, 1)
    assert attempt(int, "11", base=2) == 3


def test_a_step_that_raises_gives_the_error():
    failure = attempt(int, "x")
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, ValueError)
    assert failure.reason == "ValueError: invalid literal for int() with base 10: 'x'"


def test_an_interruption_is_no_answer():
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupt)


def test_a_reason_is_short_and_names_no_folder_of_this_machine():
    installed = Path(np.__file__)
    for path, expected in ((installed, "numpy/__init__.py"), (ROOT / "configs" / "x.py", "configs/x.py")):
        assert Failure(OSError(f"no {path}")).reason == f"OSError: no {expected}"
    assert Failure(OSError("x" * 1000)).reason == f"OSError: {'x' * 291} ..."


def test_an_error_without_text_names_its_line():
    def check():
        assert [] == [1]  # as libraries do

    text = attempt(check).reason
    assert text.startswith("AssertionError")
    assert len(text) > len("AssertionError: ")
