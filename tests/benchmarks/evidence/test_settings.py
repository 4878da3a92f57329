"""The settings: comparable with those of a result on disk."""

import json
from dataclasses import replace

from benchmarks.evidence.settings import FULL, QUICK


def test_settings_survive_json():
    assert json.loads(json.dumps(FULL.as_json())) == FULL.as_json()
    assert replace(FULL, test=7).as_json() != FULL.as_json()


def test_three_seeds_and_whole_patches():
    assert len(FULL.seeds) == 3
    for settings in (FULL, QUICK):
        assert settings.image_size % 32 == 0
        assert settings.moments[0] == 0
        assert settings.moments[-1] == 1
