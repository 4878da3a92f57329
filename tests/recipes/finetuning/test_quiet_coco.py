"""pycocotools inside and outside of the block."""

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cnxv2_mm.recipes.finetuning.quiet_coco import quiet_coco
from tests.recipes.data.coco_folder import content


def evaluate():
    data = COCO()
    data.dataset = content(2, 0, masks=False)
    data.createIndex()
    found = data.loadRes([{**annotation, "score": 0.5} for annotation in data.dataset["annotations"]])
    evaluation = COCOeval(data, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats[0]


def test_it_prints_nothing_and_computes_the_same(capsys):
    expected = evaluate()
    assert "Average Precision" in capsys.readouterr().out
    with quiet_coco():
        assert evaluate() == expected
    assert capsys.readouterr().out == ""
    with pytest.raises(RuntimeError), quiet_coco():
        raise RuntimeError
    evaluate()
    assert "Average Precision" in capsys.readouterr().out
