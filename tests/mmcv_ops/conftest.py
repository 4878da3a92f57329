"""The operators are tested through mmcv's own public functions, which reach them as ``mmcv._ext``."""

import pytest
import torch

from cnxv2_mm import mmcv_ops

# With a compiled mmcv these tests would test mmcv.
assert mmcv_ops.install(), "mmcv has compiled operators: the stand-in is not in use and cannot be tested"


@pytest.fixture(params=["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def device(request):
    return torch.device(request.param)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)
