"""Which folders belong to a run, and what a later start replaces."""

import pytest

from cnxv2_mm.run_report.run_folders import RunFolders

NAMES = ("20260101_100000", "20260101_110000", "20260101_120000", "20260101_130000")


@pytest.fixture
def work_dir(tmp_path):
    for name in NAMES:
        (tmp_path / name / "vis_data").mkdir(parents=True)
    (tmp_path / "pictures").mkdir()
    return tmp_path


def joined(work_dir, start, *found):
    folders = RunFolders(work_dir, NAMES[2], start)
    return folders.joined({work_dir / name: values for name, values in zip(NAMES, found, strict=False)})


def test_a_new_run_stands_alone(work_dir):
    assert RunFolders(work_dir, NAMES[2], 0).folders == [work_dir / NAMES[2]]
    assert joined(work_dir, 0, {1: "a", 2: "a"}, {}, {3: "c"}) == {3: "c"}


def test_a_resumed_run_goes_on_from_the_earlier_ones(work_dir):
    assert RunFolders(work_dir, NAMES[2], 5).folders == [work_dir / name for name in NAMES[:3]]  # none that is later


def test_later_runs_win(work_dir):
    first = {0: "a", 2: "a", 4: "a", 6: "a"}
    assert joined(work_dir, 4, first, {}, {}) == {0: "a", 2: "a", 4: "a"}  # nothing logged yet
    assert joined(work_dir, 4, first, {}, {6: "c", 8: "c"}) == {0: "a", 2: "a", 4: "a", 6: "c", 8: "c"}
    # The second went on from 3, and nobody wrote that down.
    assert joined(work_dir, 5, first, {4: "b", 5: "b", 6: "b"}, {7: "c"}) == dict(
        zip((0, 2, 4, 5, 7), "aabbc", strict=True)
    )
    # The second began anew.
    assert joined(work_dir, 2, first, {1: "b", 2: "b"}, {3: "c"}) == {0: "a", 1: "b", 2: "b", 3: "c"}
