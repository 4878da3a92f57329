"""A small data set of the demo, written once."""

import pytest

from demo.dataset import DatasetSpec, count_steps, write_dataset

SPEC = DatasetSpec(train_scenes=12, val_scenes=6, train_pictures=1)


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    steps = []
    write_dataset(root, SPEC, step=lambda: steps.append(1))
    assert len(steps) == count_steps(SPEC)
    return root


@pytest.fixture(params=["train", "val"])
def split(request):
    return request.param
