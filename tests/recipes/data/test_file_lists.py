"""Lists that mmengine reads back."""

from mmengine import list_from_file

from cnxv2_mm.recipes.data.file_lists import below, odd_name, write_left_out, write_lines


def test_mmengine_reads_the_names_back(tmp_path):
    names = ["a/b", "été", "two words", "x#1"]
    write_lines(tmp_path / "lists" / "train.txt", names)
    assert [line.strip() for line in list_from_file(str(tmp_path / "lists" / "train.txt"))] == names
    write_lines(tmp_path / "none.txt", [])
    assert (tmp_path / "none.txt").read_bytes() == b""


def test_names_that_a_line_cannot_hold(tmp_path):
    for name in ("a ", " a", "a\nb", "a\tb"):
        assert "odd characters" in odd_name(name)
        write_lines(tmp_path / "list.txt", [name])
        assert [line.strip() for line in list_from_file(str(tmp_path / "list.txt"))] != [name] or "\t" in name
    assert odd_name("two words") == ""


def test_what_is_left_out_has_its_reason(tmp_path):
    left_out = {tmp_path / "a" / "b.jpg": "is empty", tmp_path / "c\nd.jpg": "is odd"}
    write_left_out(tmp_path / "left_out.txt", tmp_path, left_out)
    assert (tmp_path / "left_out.txt").read_text() == "a/b.jpg\tis empty\n'c\\nd.jpg'\tis odd\n"
    assert below(tmp_path, tmp_path / "a" / "b.jpg") == "a/b.jpg"
