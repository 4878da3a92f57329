"""The page says what the committed results say."""

import json

from benchmarks.traffic.page import RESULTS, render, write_table
from tests.test_structure import ROOT

FOLDER = ROOT / "benchmarks"
ROW = {
    "part": "step",
    "layout": "packed",
    "arch": "tiny",
    "images": 128,
    "size": 224,
    "mode": "eager",
    "host_question": None,
    "forward": {"bytes_an_image": 12_340_000, "launches": 5, "own_operators": {}},
    "backward": {"bytes_an_image": 1_000_000_000, "launches": 6, "own_operators": {}},
}
DOCUMENT = {"command": "the command", "versions": {"torch": "2"}, "capability": "9.0", "seconds": 90, "rows": [ROW]}


def test_a_row():
    text = render(DOCUMENT)
    assert "| 128 of 224 | packed | eager | 1012 | 12.3 | 1000 | 11 | none |" in text
    assert "**Step, tiny**" in text
    assert "torch 2. Compute capability 9.0" in text


def test_a_question_to_the_device_is_shown():
    assert "| 11 | aten.nonzero |" in render({**DOCUMENT, "rows": [{**ROW, "host_question": "aten.nonzero"}]})


def test_the_committed_page_is_what_its_json_file_says():
    text = (FOLDER / "README.md").read_text()
    document = json.loads((FOLDER / RESULTS).read_text())
    assert write_table(text, document) == text, "run `python -m benchmarks.traffic`"
