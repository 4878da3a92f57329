"""A file is read once, whatever happens to it."""

from cnxv2_mm.run_report.growing_file import GrowingFile


def test_lines_come_once_and_whole(tmp_path):
    path = tmp_path / "a.log"
    file = GrowingFile(path)
    assert file.new_lines() == []  # not there yet
    path.write_text("one\nzwei ä\nthr")
    assert file.new_lines() == ["one", "zwei ä"]
    assert file.new_lines() == []
    with path.open("a") as end:
        end.write("ee\n\nfive\n")
    assert file.new_lines() == ["three", "", "five"]
    path.write_text("new\n")  # shorter than what was read
    assert file.new_lines() == ["new"]


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "a").write_bytes(b"M\xfcnchen\nnext\n")
    assert GrowingFile(tmp_path / "a").new_lines() == ["M\ufffdnchen", "next"]
