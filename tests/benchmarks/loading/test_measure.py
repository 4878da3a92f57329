"""Pipelines are compared before they are timed, and a rate is images by seconds."""

from dataclasses import replace

import pytest
import torch

from benchmarks.loading.measure import Rate, check, measure
from benchmarks.loading.peers import PEERS
from benchmarks.loading.photographs import write_photographs

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_photographs(folder, 8)
    return folder


def test_the_images_are_compared(files):
    levels = check(list(PEERS.values()), files, 64, CPU)
    assert levels["mmcv_pillow"] == 0
    assert levels["ours"] < 0.1
    assert levels["torchvision_pillow"] < 0.1
    assert levels["mmpretrain"] > 1  # bilinear without antialiasing: why it is no peer of equal images


def test_a_pipeline_with_other_images_is_not_timed(files):
    strict = replace(PEERS["mmpretrain"], levels=0.5)
    with pytest.raises(ValueError, match=r"the images of mmpretrain are .* grey levels away, more than 0\.5"):
        measure([PEERS["ours"], strict], files, 64, CPU, [0], 1, 0.0)


def test_all_are_timed_in_each_way(files):
    peers = [PEERS["ours"], PEERS["mmcv_pillow"]]
    tables = measure(peers, files, 32, CPU, [0, 1], 2, 0.0)
    assert [table.way for table in tables] == [
        "a batch in one process",
        "the same, and what the device does",
        "a loader with 1 worker",
    ]
    for table in tables:
        assert [row.peer for row in table.rows] == ["ours", "mmcv_pillow"]
        for row in table.rows:
            assert row.images == 8
            assert len(row.seconds) == 2
            assert row.images_per_second.median > 0


def test_a_rate_is_images_by_seconds():
    rate = Rate("a", "", 8, [2.0, 4.0, 1.0], 0.0).images_per_second
    assert (rate.low, rate.median, rate.high) == (3.0, 4.0, 6.0)
