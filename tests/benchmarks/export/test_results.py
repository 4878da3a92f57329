"""What was measured comes back from its file as it was."""

from benchmarks.export.results import Measured, Row, read, write


def example(name="RetinaNet, atto", median=0.03):
    rows = (
        Row("PyTorch", 52_000_000, {"boxes": "0 pixels", "scores": "0"}, (0.2, 0.1, 0.3)),
        Row("compiled", 0, {"boxes": "1e-05 pixels", "scores": "2e-07"}, (0.1,)),
        Row("ONNX", 53_100_000, {"boxes": "2e-05 pixels", "scores": "1e-06"}, (median, median / 2, 2 * median)),
        Row("OpenVINO", reason="RuntimeError: no such operation"),
    )
    return Measured(
        name, "random, seeded", 320, 416, rows, {"cpu": "a processor", "gpu": None}, {"torch": "2.14.1"}, 1.5
    )


def test_results_come_back_as_they_were(tmp_path):
    file = tmp_path / "folder" / "results.json"
    assert read(file) == {}
    models = {one.name: one for one in (example(), example("FCOS, atto"))}
    write(file, models, "python -m benchmarks.export")
    assert read(file) == models
    assert list(read(file)) == ["RetinaNet, atto", "FCOS, atto"]


def test_milliseconds_are_the_quartiles_of_the_rounds():
    found = example().rows[0].milliseconds
    assert (found.low, found.median, found.high) == (150, 200, 250)
