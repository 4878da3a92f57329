"""Lists of class names: one a line, or ADE20K's table."""

import pytest

from cnxv2_mm.recipes.data.class_names import read_class_names

# The first lines of the file that comes with ADEChallengeData2016.
ADE = (
    "Idx\tRatio\tTrain\tVal\tName\n"
    "1\t0.1576\t11664\t1172\twall\n"
    "2\t0.1072\t6046\t612\tbuilding, edifice\n"
    "3\t0.0878\t8265\t796\tsky\n"
)


def test_a_name_a_line(tmp_path):
    assert read_class_names(tmp_path) is None
    (tmp_path / "classes.txt").write_text("\ufeffroad\n\nroof top \ntree\n", encoding="utf-8")
    assert read_class_names(tmp_path) == (tmp_path / "classes.txt", ("road", "roof top", "tree"))


def test_the_table_of_ade20k(tmp_path):
    (tmp_path / "objectInfo150.txt").write_text(ADE)
    assert read_class_names(tmp_path)[1] == ("wall", "building, edifice", "sky")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n\n", "is empty"),
        (b"road\ntree\nroad\n", "has 'road' more than once"),
        (b"\xff\xfe\x00r", "is no text in UTF-8"),
    ],
)
def test_faults(tmp_path, content, message):
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_class_names(tmp_path)
