"""The learning rate in the log of a real training is the full one, whatever is scaled."""

import json

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from tests.tools.toy_pictures import CONFIG


# A step sees 8 images. In the last case no parameter learns at the full rate: the backbone's all learn more slowly.
@pytest.mark.parametrize(
    ("base_batch_size", "factor", "faster"),
    [(8, 1.0, []), (32, 0.25, ["decoder.pred"]), (32, 0.25, ["decoder", "mask_token"])],
)
def test_the_logged_rate_is_the_full_one(tmp_path, base_batch_size, factor, faster):
    config = Config.fromstring(CONFIG, ".py")
    config.work_dir = str(tmp_path)
    config.auto_scale_lr = {"enable": True, "base_batch_size": base_batch_size}
    config.optim_wrapper.paramwise_cfg.custom_keys = {key: {"lr_mult": 10.0} for key in faster}
    runner = Runner.from_cfg(config)
    runner.train()
    (log,) = tmp_path.glob("*/vis_data/scalars.json")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    # The config's 1e-3, and a warm-up from a tenth of it at the first of four steps to the whole at the last.
    expected = [1e-3 * factor * (0.1 + 0.9 * step / 3) for step in range(4)]
    assert [line["lr"] for line in lines] == pytest.approx(expected)
    # A second number under mmengine's name for it, which auto_scale_lr does not scale, would contradict the first.
    assert not any("base_lr" in line for line in lines)
    rates = {group["lr"] for group in runner.optim_wrapper.optimizer.param_groups}
    assert max(rates) == pytest.approx((10 if faster else 1) * expected[-1])
    assert min(rates) < expected[-1]
