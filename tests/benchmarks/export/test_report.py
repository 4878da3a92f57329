"""The tables have what was measured, what is missing and why."""

import pytest
from rich.console import Console

from benchmarks.export.report import BEGIN, print_table, render, write_page
from benchmarks.markdown import END
from tests.benchmarks.export.test_results import example

MODELS = [example(), example("FCOS, atto", 0.05)]


def test_the_tables_have_what_was_measured():
    text = render(MODELS)
    assert "| RetinaNet, atto | 320 x 416 | 200 (150 - 250) | 100 (100 - 100) | - | 30 (22.5 - 45) | - | - |" in text
    assert (
        "| RetinaNet, atto | boxes 1e-05 pixels, scores 2e-07 | - | boxes 2e-05 pixels, scores 1e-06 | - | - |" in text
    )
    assert "| FCOS, atto | 52.0 | - | 53.1 | - | - |" in text
    assert "- FCOS, atto, OpenVINO: RuntimeError: no such operation." in text
    assert "Weights random, seeded: RetinaNet, atto; FCOS, atto." in text
    assert text.count("cpu: a processor. torch 2.14.1.") == 1


def test_only_the_part_of_the_page_is_written(tmp_path):
    page = tmp_path / "export.md"
    page.write_text(f"# Export\n\n{BEGIN}\n\nold\n{END}\n\nMore.\n")
    write_page(page, MODELS)
    text = page.read_text()
    assert text.startswith(f"# Export\n\n{BEGIN}\n\n**Milliseconds")
    assert text.endswith(f"{END}\n\nMore.\n")
    assert "old" not in text
    page.write_text("# Export\n")
    with pytest.raises(ValueError, match="these two lines"):
        write_page(page, MODELS)


def test_the_terminal_shows_the_same():
    console = Console(record=True, width=160)
    print_table(console, MODELS[0])
    text = console.export_text()
    assert "200 (150 - 250)" in text
    assert "RuntimeError: no such operation" in text
