"""The files that are loaded: real photographs as JPEGs of one size, all different."""

from PIL import Image

from benchmarks.loading.photographs import write_photographs


def test_the_files_are_jpegs_of_one_size_and_all_different(tmp_path):
    mean = write_photographs(tmp_path / "files", 12)
    files = sorted((tmp_path / "files").iterdir())
    assert len({file.read_bytes() for file in files}) == len(files) == 12
    assert mean == round(sum(file.stat().st_size for file in files) / 12)
    for file in files:
        with Image.open(file) as picture:
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (500, 375))
            assert min(high - low for low, high in picture.getextrema()) > 100  # a photograph, not a plain colour


def test_the_files_are_the_same_each_time(tmp_path):
    for name in "ab":
        write_photographs(tmp_path / name, 2)
    assert (tmp_path / "a" / "0001.jpg").read_bytes() == (tmp_path / "b" / "0001.jpg").read_bytes()
