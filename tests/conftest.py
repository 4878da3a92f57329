"""What every test may use: devices that are there, and real photographs that ship inside scikit-learn."""

import gc
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import utils as mmengine_configs
from mmengine.visualization import Visualizer
from torch import Tensor
from torch.nn import functional as F
from yapf.yapflib import yapf_api

HERE = Path(__file__).parent

# cuDNN's convolutions would round float32 to the 11 bits of TF32; what is compared here is float32.
torch.backends.cudnn.allow_tf32 = False

# mmengine formats the whole config for each checkpoint, and reads all of a library's metafiles for each config that
# inherits by a name: a second each time, for the same result.
_format, _formatted = yapf_api.FormatCode, {}


def _format_once(text: str, **settings: object) -> object:
    if text not in _formatted:
        _formatted[text] = _format(text, **settings)
    return _formatted[text]


yapf_api.FormatCode = _format_once
mmengine_configs._get_cfg_metainfo = cache(mmengine_configs._get_cfg_metainfo)

# Of these the tests need the extra `export`, and its torch; without it they cannot be imported.
OF_EXPORT = ("export/", "examples/", "benchmarks/export/", "tools/test_export.py", "test_docs_export.py")
HAS_EXPORT = all(find_spec(name) for name in ("onnx", "onnxruntime", "openvino"))


def _is_of_export(path: Path) -> bool:
    return path.is_relative_to(HERE) and path.relative_to(HERE).as_posix().startswith(OF_EXPORT)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    return (not HAS_EXPORT and collection_path.suffix == ".py" and _is_of_export(collection_path)) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _is_of_export(item.path):
            item.add_marker(pytest.mark.export)


DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="module")
def forget_visualizers() -> Iterator[None]:
    """mmengine keeps the visualizer of every run for the whole process, by class, and hooks take the last one.

    mmdet's configs name theirs "visualizer": the next run would write its log into the folder of the one before.
    """
    yield
    kinds = [Visualizer]
    for kind in kinds:
        kind._instance_dict.clear()
        kinds += kind.__subclasses__()


@pytest.fixture(autouse=True, scope="module")
def leave_imports_to_themselves() -> None:
    """mmengine collects garbage for every data set that it builds, which takes 0.4 seconds: every object is looked at.

    What is there when the tests of a file begin are imported libraries, which stay.
    """
    gc.collect()
    gc.freeze()


@cache
def _pictures() -> Tensor:
    """(2, 3, 427, 640): two photographs; where scikit-learn is missing, as `make gpu` allows, smooth random ones."""
    if find_spec("sklearn") is None:
        coarse = torch.randn(2, 3, 28, 41, generator=torch.Generator().manual_seed(0))
        return F.interpolate(coarse, size=(427, 640), mode="bicubic")
    from sklearn.datasets import load_sample_images

    pictures = torch.stack([torch.from_numpy(image.copy()) for image in load_sample_images().images])
    return pictures.permute(0, 3, 1, 2).float() / 64 - 2


def photographs(num: int, channels: int = 3, size: tuple[int, int] = (96, 64)) -> Tensor:
    """(num, channels, height, width) crops of two photographs, about zero mean and unit variance, all different."""
    pictures = _pictures()
    crops = []
    for i in range(num):
        top, left = 37 * i % 150, 53 * i % 260
        crop = F.interpolate(pictures[i % 2, None, :, top : top + 260, left : left + 320], size=size)
        crops.append(crop[0])
    images = torch.stack(crops)
    return images.repeat(1, -(-channels // 3), 1, 1)[:, :channels].contiguous()


def wake_grn(module: torch.nn.Module) -> torch.nn.Module:
    """Gives GRN, whose parameters start at zero, something to do; otherwise a wrong statistic would not be seen."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith(("grn.gamma", "grn.beta")):
                parameter.normal_(std=0.5)
    return module


def relative_error(result: Tensor, expected: Tensor) -> float:
    """The largest difference, in units of the largest expected number."""
    return ((result - expected).abs().max() / expected.abs().max()).item()
