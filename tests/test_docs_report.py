"""What docs/report.md shows works: its hooks can be built, and its settings can be read."""

import inspect
import re

from mmengine.config import Config
from mmengine.registry import HOOKS

import cnxv2_mm
from cnxv2_mm.run_report.settings_file import read_settings
from tests.test_structure import ROOT

PAGE = (ROOT / "docs" / "report.md").read_text()


def test_the_hooks():
    (text,) = re.findall(r"```python\n(custom_imports.*?)```", PAGE, flags=re.DOTALL)
    for entry in Config.fromstring(text, ".py").custom_hooks:
        HOOKS.build(entry)


def test_the_arguments():
    named = re.findall(r"^\| `(\w+)\((\w+)=([^)]*)\)`", PAGE, flags=re.MULTILINE)
    assert len(named) == 3
    for hook, argument, default in named:
        parameter = inspect.signature(getattr(cnxv2_mm, hook)).parameters[argument]
        assert default in ("...", str(parameter.default))


def test_the_settings(tmp_path):
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "settings.json").write_text(text)
    found = read_settings(tmp_path)
    assert found.task == "detect"
    assert found.settings == [("learning rate", "0.0001", "the paper's rule for 4 images in a step")]
    assert found.next == ["cnxv2 predict my_detector my_images"]
