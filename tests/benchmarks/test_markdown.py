"""Pages of Markdown: only what is between the markers is written."""

import pytest

from benchmarks.markdown import END, begin, describe, markdown_table, write_between

BEGIN = begin("the command")


def test_only_what_is_between_the_markers_changes():
    page = f"Before.\n{BEGIN}\nold\n{END}\nAfter.\n"
    assert write_between(page, BEGIN, "new") == f"Before.\n{BEGIN}\n\nnew\n{END}\nAfter.\n"
    assert "`the command`" in BEGIN


def test_parts_between_other_markers_stay():
    other = f"{begin('another command')}\nmine\n{END}\n"
    for page in (f"{BEGIN}\nold\n{END}\n{other}", f"{other}{BEGIN}\nold\n{END}\n"):
        assert write_between(page, BEGIN, "new") == page.replace("\nold\n", "\n\nnew\n")


@pytest.mark.parametrize("page", [f"{BEGIN}{begin('another command')}{END}{END}", f"{BEGIN}{begin('another')}{END}"])
def test_parts_inside_one_another_are_refused(page):
    with pytest.raises(ValueError, match="the page must have these two lines"):
        write_between(page, BEGIN, "new")


@pytest.mark.parametrize("page", ["", f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}"])
def test_a_page_without_its_markers_is_refused(page):
    with pytest.raises(ValueError, match="the page must have these two lines"):
        write_between(page, BEGIN, "new")


def test_tables():
    assert markdown_table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert markdown_table(("a", "b"), [("1", "2")], numbers=True).splitlines()[1] == "| --- | ---: |"


def test_what_is_not_there_is_left_out():
    assert describe({"cpu": "x", "gpu": None, "vector_instructions": "y"}, {"torch": "2", "timm": None}) == (
        "cpu: x, vector instructions: y. torch 2"
    )
