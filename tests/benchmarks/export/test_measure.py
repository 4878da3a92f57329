"""A model in all its forms: compared with PyTorch, then timed."""

import pytest

from benchmarks.export import measure as measuring
from benchmarks.export.measure import Conditions, measure, photograph
from benchmarks.export.targets import TARGETS
from tests.benchmarks.export.test_models import small_case

FILES = ("PyTorch", "torch.export", "ONNX", "OpenVINO", "ONNX, float16")


@pytest.fixture(scope="module")
def measured():
    return measure(small_case("classifier"), Conditions(TARGETS, 1, 2, 0.0))


def test_all_forms_are_compared_and_timed(measured):
    assert [row.target for row in measured.rows] == list(TARGETS)
    for row in measured.rows:
        assert row.reason == ""
        assert len(row.seconds) == 2
        assert min(row.seconds) > 0
        assert float(row.differences["scores"]) < (0.03 if "float16" in row.target else 1e-4)
    assert measured.rows[0].differences == {"scores": "0"}
    assert float(measured.rows[-1].differences["scores"]) > 0
    assert (measured.name, measured.height, measured.width) == ("classifier, atto", 160, 192)
    assert measured.machine["threads"] == 1


def test_the_sizes_are_those_of_the_files(measured):
    sizes = {row.target: row.size for row in measured.rows}
    assert sizes["compiled"] == 0
    weights = sizes["PyTorch"]
    for target in ("torch.export", "ONNX", "OpenVINO"):
        assert weights < sizes[target] < weights + 1_000_000
    assert sizes["ONNX, float16"] < 0.8 * sizes["ONNX"]


def test_a_form_with_other_numbers_is_not_timed(monkeypatch):
    whole_model = measuring.whole_model

    def darker(config, model, *, fp16=False):
        """The preprocessing of the exported model is wrong, that of the library is not."""
        whole = whole_model(config, model, fp16=fp16)
        whole.picture.mean = whole.picture.mean + 60
        return whole

    monkeypatch.setattr(measuring, "whole_model", darker)
    found = measure(small_case("classifier"), Conditions(("PyTorch", "torch.export"), 1, 1, 0.0))
    pytorch, exported = found.rows
    assert pytorch.seconds
    assert exported.seconds == ()
    assert exported.reason == "not timed, its numbers differ beyond the tolerance"
    assert float(exported.differences["scores"]) > 1e-3


def test_a_form_that_cannot_be_made_says_why(monkeypatch):
    def refuse(work):
        raise RuntimeError("no such\n  operation")

    monkeypatch.setitem(measuring.BUILDERS, "OpenVINO", refuse)
    found = measure(small_case("classifier"), Conditions(("PyTorch", "OpenVINO"), 1, 1, 0.0))
    assert found.rows[1].reason == "RuntimeError: no such operation"
    assert found.rows[0].seconds


def test_the_photograph_is_one():
    picture = photograph(60, 80)
    assert picture.shape == (1, 60, 80, 3)
    assert picture.float().std() > 40
