import pytest

from cnxv2_mm.training.data_check.findings import Finding, refuse, some, unreadable


def test_some_of_many():
    assert some("abc") == "a, b, c"
    assert some(range(12), 3) == "0, 1, 2 and 9 more"


def test_files_are_counted_and_the_first_ones_named(tmp_path):
    files = [tmp_path / f"{i}.jpg" for i in range(9)]
    for file in files[7:]:
        file.touch()
    files.append(tmp_path / "good.jpg")
    files[-1].write_bytes(b"pixels")
    missing, empty = unreadable(files)
    assert missing.text.startswith(f"7 of 10 files do not exist: {files[0]}, {files[1]}, ")
    assert missing.text.endswith(f"{files[4]} and 2 more")
    assert empty.text == f"2 of 10 files are empty (0 bytes): {files[7]}, {files[8]}"
    assert missing.fatal
    assert empty.fatal
    assert list(unreadable(files[-1:])) == []


def test_only_fatal_findings_are_refused():
    refuse([Finding("unusual")])
    with pytest.raises(ValueError, match=r"^wrong\nworse$"):
        refuse([Finding("unusual"), Finding("wrong", fatal=True), Finding("worse", fatal=True)])
