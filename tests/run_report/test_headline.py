"""The numbers at the top are the last ones, and how they moved."""

import pytest

from cnxv2_mm.run_report.headline import cards, movement, title
from cnxv2_mm.run_report.history import Series
from cnxv2_mm.run_report.measures import measures_in
from cnxv2_mm.run_report.state import State
from tests.web_page.reader import Reader

RUNNING = State("running", 40, 80, 2, 4, 750.0, 0, 0.0, 100.0, 30.0)
(LOSS,) = measures_in(["held_out/loss"])
(MAP,) = measures_in(["coco/bbox_mAP"])
(RANK,) = measures_in(["held_out/rank_me"])


@pytest.mark.parametrize(
    ("values", "measure", "text"),
    [
        ((3, 1, 2), LOSS, "from 3 at step 0; best 1 at step 10"),
        ((3, 2, 1), LOSS, "from 3 at step 0; the best yet"),
        ((1, 3, 2), MAP, "from 1 at step 0; best 3 at step 10"),
        ((3, 1, float("nan")), LOSS, "from 3 at step 0; best 1 at step 10"),
        ((3, 1, 2), RANK, "from 3 at step 0"),
        ((3, 1, 2), None, "from 3 at step 0"),
        ((3,), LOSS, "at step 0"),
    ],
)
def test_movement(values, measure, text):
    assert movement(Series(tuple(range(0, 10 * len(values), 10)), values), measure) == text


def test_cards_of_a_run():
    history = {"held_out/loss": Series((0, 40), (1.0, 0.5)), "images_per_second": Series((40,), (12.34,))}
    history |= {"loss": Series((40,), (7.0,)), "memory": Series((40,), (1000.0,))}
    text = Reader(cards(history, RUNNING)).text
    for part in ("40 of 80", "epoch 2 of 4", "12 min 30 s", "Held-out loss 0.5 from 1 at step 0", "12.34", "1.0 GB"):
        assert part in text, part
    history.pop("held_out/loss")
    assert "loss 7" in Reader(cards(history, RUNNING)).text
    assert "not known yet" in Reader(cards({}, State("running", 0, 9, None, None, None, 0, 0.0, 0.0, 1.0))).text
    resumed = State("finished", 80, 80, None, None, 0.0, 20, 0.0, 65.0, 30.0)
    assert "duration since step 20 1 min 5 s" in Reader(cards(history, resumed)).text


def test_titles():
    assert title("detect", RUNNING) == "50 % · Training of a detector"
    assert title("a new task", State("stopped", 1, 2, None, None, None, 0, 0.0, 0.0, 1.0)) == "stopped · Training"
