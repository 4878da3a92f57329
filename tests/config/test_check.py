"""What users get wrong in config files, and what they are told; and that no published config is accused."""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from cnxv2_mm.config.check import check_names, check_optimizer
from cnxv2_mm.config.load import load_config
from tests.test_structure import ROOT

OLD = """
data = dict(samples_per_gpu=2, train=dict(type="CocoDataset"))
optimizer = dict(type="SGD", lr=0.02)
lr_config = dict(policy="step", step=[8, 11])
runner = dict(type="EpochBasedRunner", max_epochs=12)
checkpoint_config = dict(interval=1)
model = dict(type="RetinaNet", backbone=dict(type="ResNet"))
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = 1\nb = c\n", r"config .*mine\.py, line 2: NameError: name 'c' is not defined"),
        ("a = dict(\nb = [1\n", r"config .*mine\.py, line 2: SyntaxError: '\[' was never closed"),
        ("a = 1\nraise AssertionError\n", r"mine\.py, line 2: AssertionError$"),
        ("from torch import *\n", r"config .*mine\.py: ConfigParsingError: Illegal syntax"),
        ("with open('x'):\n    pass\n", r"config .*mine\.py: ConfigParsingError: Only `read_base`"),
        ("_base_ = 'absent.py'\n", r"config .*mine\.py: FileNotFoundError: .*No such file.*absent\.py"),
        ("_base_ = [no_name]\n", r"config .*mine\.py: NameError: name 'no_name'"),
        ("_base_ = 'mine.py'\n", r"config .*mine\.py: RecursionError: it inherits from itself"),
        ("custom_imports = dict(imports=['no_such'])\n", r"ModuleNotFoundError: No module named 'no_such'; .*PYTHON"),
        ("custom_imports = dict(imports=['bad_module'])\n", r"ZeroDivisionError: .*\(.*bad_module\.py, line 1\)"),
        ("text = 1\n", r"config .*mine\.py: KeyError: text is reserved"),
        ("_base_ = 'base.py'\n", r"mine\.py, in its base .*/base\.py, line 3: TypeError: can only concatenate"),
        ("_base_ = 'torn.py'\n", r"config .*mine\.py, in its base .*/torn\.py, line 1: SyntaxError"),
        (OLD, r"config .*mine\.py is of the generation of mmdet 2\.x.*checkpoint_config, data, lr_config.*mmdet::"),
    ],
)
def test_a_mistake_in_a_file_is_one_line(text, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "base.py").write_text("\na = [1]\nb = a + 1\n")
    (tmp_path / "torn.py").write_text("a = (1\n")
    (tmp_path / "bad_module.py").write_text("1 / 0\n")
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        load_config("mine.py")
    assert "\n" not in str(caught.value)


def test_files_of_other_kinds(tmp_path):
    (tmp_path / "notes.txt").write_text("a = 1\n")
    with pytest.raises(ValueError, match=r"notes\.txt: OSError: Only py/yml/yaml/json"):
        load_config(str(tmp_path / "notes.txt"))
    (tmp_path / "torn.json").write_text('{"a": 1')
    with pytest.raises(ValueError, match=r"config .*torn\.json: JSONDecodeError: Expecting ',' delimiter: line 1"):
        load_config(str(tmp_path / "torn.json"))


def test_options_that_have_no_place(tmp_path):
    (tmp_path / "mine.py").write_text("steps = [1, 2]\n")
    with pytest.raises(ValueError, match=r"mine\.py has no place for the options \{'steps\.7': 1\}"):
        load_config(str(tmp_path / "mine.py"), {"steps.7": 1})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("optim_wraper", "optim_wrapper"),
        ("randomnes", "randomness"),
        ("loadfrom", "load_from"),
        ("train_dataloder", "train_dataloader"),
        ("param_schedulers", "param_scheduler"),
        ("custom_hook", "custom_hooks"),
        ("work_dirs", "work_dir"),
        ("trian_cfg", "train_cfg"),
        ("find_unused_parameter", "find_unused_parameters"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_one_that_was_meant(name, meant):
    with pytest.raises(ValueError, match=rf"reads no '{name}', did you mean '{meant}'\?"):
        check_names(Config({name: {}}))
    check_names(Config({name: None, meant: {}}))


def test_no_name_in_a_published_config_is_accused():
    """But for one: mmseg's BiSeNetV2 with OHEM sets ``models``, so that its sampler is ignored."""
    libraries = [Path(find_spec(name).submodule_search_locations[0]) for name in ("mmdet", "mmseg", "mmpretrain")]
    folders = [*(library / ".mim" / "configs" for library in libraries), ROOT / "configs"]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    assert len(files) > 1500
    accused = set()
    for name in set().union(*map(assigned_names, files)):
        try:
            check_names(Config({name: {}}))
        except ValueError:
            accused.add(name)
    assert accused == {"models"}


def assigned_names(file):
    """What a config sets at its top level."""
    statements = ast.parse(file.read_text(encoding="utf-8")).body
    targets = [target for node in statements if isinstance(node, ast.Assign) for target in node.targets]
    # mmengine keeps these for itself.
    return {target.id for target in targets if isinstance(target, ast.Name)} - {"_base_", "filename", "text"}


@pytest.mark.parametrize("scope", [None, "mmdet", "mmpretrain"])
def test_an_unknown_optimiser_is_refused(scope):
    def config(kind):
        return Config({"default_scope": scope, "optim_wrapper": {"optimizer": {"type": kind}}})

    for kind in ("AdamW", "SGD", torch.optim.SGD, "torch.optim.SGD"):
        check_optimizer(config(kind))
    check_optimizer(Config({}))
    with pytest.raises(ValueError, match=r"optimizer\.type='Adamm' is no known optimiser; did you mean 'Adam.?'\?"):
        check_optimizer(config("Adamm"))
    with pytest.raises(ValueError, match="is no known optimiser; custom_imports must import"):
        check_optimizer(config("Xyzzy"))


def test_an_optimiser_without_a_fused_step_is_refused_one():
    """What a config inherits that changes the type of a recipe's optimiser alone."""

    def config(kind):
        return Config({"optim_wrapper": {"optimizer": {"type": kind, "lr": 0.1, "fused": True}}})

    for kind in ("AdamW", "Adam", "SGD", "torch.optim.AdamW"):
        check_optimizer(config(kind))
    with pytest.raises(ValueError, match=r"has fused=True, which Rprop does not take: write optimizer=dict\(_delete_"):
        check_optimizer(config("Rprop"))
