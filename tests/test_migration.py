"""The migration page: every key that it names exists, in our configs, models and commands."""

import ast
import inspect
import re
from copy import deepcopy

import pytest
import torch
from mmengine import registry as registries
from mmengine.config import Config
from mmengine.model import BaseModule
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from torch import nn
from torch.utils.data import DataLoader

from cnxv2_mm.__main__ import find_tool
from cnxv2_mm.config.build import build_on_meta
from cnxv2_mm.config.load import load_config
from tests.conftest import photographs, wake_grn
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

PAGE = (ROOT / "docs" / "migration.md").read_text()
REGISTRIES = [
    getattr(registries, name)
    for name in ("MODELS", "DATASETS", "TRANSFORMS", "OPTIM_WRAPPERS", "OPTIMIZERS", "PARAM_SCHEDULERS", "HOOKS")
]
PRE_TRAINING = str(ROOT / "configs" / "fcmae" / "folder.py")
FINE_TUNING = ROOT / "configs" / "imagenet" / "convnextv2-base_32xb32-100e_in1k.py"
if not FINE_TUNING.is_file():  # a copy without the recipes: what mmpretrain ships has the same keys
    FINE_TUNING = "mmpretrain::convnext_v2/convnext-v2-base_32xb32_in1k.py"


@MODELS.register_module(force=True)
class BackboneAndNeck(BaseModule):
    """What a layer-decay constructor looks at: a backbone, and something behind it."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self.neck = nn.Conv2d(self.backbone.num_features, 8, 1)


def section(title: str) -> str:
    return re.split(r"^##+ ", PAGE.split(f" {title}\n", 1)[1], flags=re.MULTILINE)[0]


def second_column(text: str) -> str:
    return "\n".join(line.split("|")[2] for line in text.splitlines() if line.startswith("|"))


def settings(text: str) -> list[tuple[str, str]]:
    """The `key=value` pieces of a text."""
    return re.findall(r"`([a-z_][\w.]*)=([^`]+)`", text)


def value_of(text: str) -> object:
    """Python literals and calls of dict."""
    return eval(compile(ast.parse(text, mode="eval"), "value", "eval"), {"__builtins__": {}, "dict": dict})


def options_of(node: dict) -> set[str]:
    """What the class that a part of a config names takes, its bases' arguments among it."""
    for registry in REGISTRIES:
        with registry.switch_scope_and_registry(None) as scoped:
            cls = scoped.get(node["type"])
        if cls is not None:
            return {name for base in cls.__mro__ for name in inspect.signature(base.__init__).parameters}
    raise AssertionError(f"{node['type']} is not registered")


def assert_exists(config: Config, key: str) -> None:
    """Each step of a dotted key is in the config, or the class, loader or wrapper at that place takes it."""
    node, path = config, key.split(".")
    for i, name in enumerate(path):
        place = ".".join(path[:i])
        if isinstance(node, list):
            node = node[int(name)]
            continue
        if name not in node:
            if place.endswith("dataloader"):
                known = set(inspect.signature(DataLoader).parameters)
            elif place == "":
                known = {"custom_hooks", "randomness"}
            elif place == "model.train_cfg":
                known = {"augments"}
            elif place == "optim_wrapper":
                known = {"constructor", "paramwise_cfg", "clip_grad", "accumulative_counts"}
            else:
                known = options_of(node)
            assert name in known, f"{key}: {place or 'a config'} has no {name}"
            return
        node = node[name]


@pytest.mark.parametrize(
    ("title", "path"), [("`main_pretrain.py`", PRE_TRAINING), ("`main_finetune.py`", str(FINE_TUNING))]
)
def test_every_key_exists_and_the_changed_config_builds(title, path):
    pairs = settings(second_column(section(title)))
    assert len(pairs) >= 20
    config = load_config(path)
    init_default_scope(config.default_scope)
    config.model.backbone.type = "cnxv2_mm.ConvNeXtV2"
    if "constructor" not in config.optim_wrapper:
        config.optim_wrapper.paramwise_cfg = {"layer_decay_rate": 1.0, "strategy": "single"}
    config.setdefault("custom_hooks", [])
    config.model.setdefault("data_preprocessor", config.get("data_preprocessor"))
    config.optim_wrapper.clip_grad = {"max_norm": 5.0}
    if config.model.get("head", {}).get("init_cfg", {}) is None:
        config.model.head.pop("init_cfg")
    for key, value in pairs:
        assert_exists(config, key)
        config.merge_from_dict({key: value_of(value)})
    config.model.backbone.update(arch="atto", init_cfg=None)
    if "head" in config.model:
        config.model.head.in_channels = 320
    wrapper = build_optim_wrapper(MODELS.build(config.model), deepcopy(config.optim_wrapper))
    for scheduler in config.param_scheduler:
        scheduler = {"end": 1000, **scheduler, "convert_to_iter_based": False}  # the end is that of mmengine's Runner
        registries.PARAM_SCHEDULERS.build(scheduler, default_args={"optimizer": wrapper})


def test_every_option_of_a_command_exists():
    options = set(re.findall(r"`(--[a-z-]+)[ `]", second_column(PAGE)))
    assert options == {"--work-dir", "--resume", "--amp", "--no-validate"}
    for option in options:
        value = ["x"] if option in ("--work-dir", "--resume") else []
        load_tool("train").parse_args(["config.py", option, *value])


def test_every_tool_of_a_library_exists():
    tools = re.findall(r"\b(mm\w+::[\w/]+\.py)", section("The libraries' own tools"))
    assert len(tools) == 2
    assert all(find_tool(tool).is_file() for tool in tools)


def test_what_changes_from_mmpretrain():
    """The two columns of defaults are the two classes' own."""
    theirs, ours = (
        inspect.signature(build).parameters for build in map(class_of, ("mmpretrain.ConvNeXt", "cnxv2_mm.ConvNeXtV2"))
    )
    text = section("From `mmpretrain.ConvNeXt`")
    for name in ("out_indices", "gap_before_final_norm", "use_grn", "layer_scale_init_value"):
        row = next(line for line in text.splitlines() if line.startswith(f"| default `{name}`"))
        default = str(theirs[name].default).replace("1e-06", "1e-6")
        assert default in row.split("|")[2]
        assert str(ours[name].default) in row.split("|")[3]
        assert f"`model.backbone.{name}={default}`" in row
    gone = theirs.keys() - ours.keys()
    assert gone == {name for name in theirs if f"`{name}`" in text and name not in ours}
    assert len(gone) == 4


def class_of(kind: str) -> type:
    init_default_scope("mmpretrain")
    with MODELS.switch_scope_and_registry(None) as scoped:
        return scoped.get(kind)


def mmpretrain_rates(backbone: dict) -> dict[str, tuple[float, float]]:
    """Rate and weight decay of each parameter in a classifier, as mmpretrain's constructor sets them."""
    init_default_scope("mmpretrain")
    backbone |= {"out_indices": -1, "gap_before_final_norm": True, "use_grn": True, "layer_scale_init_value": 0.0}
    head = {"type": "LinearClsHead", "num_classes": 3, "in_channels": 8}
    model = MODELS.build({"type": "mmpretrain.ImageClassifier", "backbone": backbone, "head": head})
    optimizer = {"type": "AdamW", "lr": 1.0, "weight_decay": 0.05}
    constructor = "LearningRateDecayOptimWrapperConstructor"
    cfg = {"optimizer": optimizer, "constructor": constructor, "paramwise_cfg": {"layer_decay_rate": 0.6}}
    groups = build_optim_wrapper(model, cfg).optimizer.param_groups
    return {group["param_name"]: (group["lr"], group["weight_decay"]) for group in groups}


@pytest.mark.parametrize("blocks", [8, 9, 27], ids=["nano", "tiny", "base to huge"])
def test_mmpretrains_layer_decay_gives_the_rates_of_its_own_convnext(blocks):
    """Narrow networks, as deep as the real ones: rates go by names."""
    arch = {"depths": [2, 3, blocks, 3], "channels": [4, 4, 8, 8]}
    ours = mmpretrain_rates({"type": "cnxv2_mm.ConvNeXtV2", "arch": arch})
    theirs = mmpretrain_rates({"type": "mmpretrain.ConvNeXt", "arch": arch})
    renamed = {name.replace("depthwise_", "dw").replace("pointwise_", "pw"): rate for name, rate in theirs.items()}
    assert ours == renamed


def test_grad_cam_on_the_layer_that_the_page_names():
    """Oracle: behind an average over the image and a linear head, Grad-CAM is CAM: the head's weights times the maps
    (Selvaraju et al., arXiv 1610.02391, section 3.1)."""
    text = section("Heat maps: Grad-CAM")
    page: dict = {}
    exec(re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)[1], page)
    model = nn.Module()
    model.backbone = wake_grn(class_of("cnxv2_mm.ConvNeXtV2")("tiny", out_indices=-1, gap_before_final_norm=True))
    model.backbone.norm3 = nn.Identity()
    model.head = nn.Linear(768, 5)
    conv = re.search(r"--target-layers ([\w.]+)", text)[1]
    seen, gradients = {}, {}

    def keep(name):  # pytorch-grad-cam's ActivationsAndGradients
        def hook(module, inputs, output):
            seen[name] = output
            output.register_hook(lambda grad: gradients.update({name: grad}))

        model.get_submodule(name).register_forward_hook(hook)

    for name in (page["target_layer"], conv):
        keep(name)
    images = photographs(2, size=(64, 96))
    model.head(model.backbone(images)[0])[:, 1].sum().backward()

    maps, slopes = (page["reshape_transform"](t[page["target_layer"]]) for t in (seen, gradients))
    assert maps.shape == (2, 768, 2, 3)
    ours = (slopes.mean((2, 3), keepdim=True) * maps).sum(1).relu()
    expected = torch.einsum("c,nchw->nhw", model.head.weight[1] / 6, maps).relu()
    torch.testing.assert_close(ours, expected)
    assert seen[conv].shape == gradients[conv].shape == (2, 768, 2, 3)
    assert gradients[conv].any()


@pytest.mark.parametrize(("arch", "num_layers"), [("base", 12), ("large", 12), ("huge", 12), ("tiny", 6)])
@pytest.mark.parametrize("library", ["mmdet", "mmseg"])
def test_their_layer_decay_is_our_group_and_our_stage(library, arch, num_layers):
    text = section("Layer decay of mmdetection and mmsegmentation")
    table = settings(text[text.index("\n|") :])
    pairs = dict(table)
    assert pairs.keys() >= {"decay_rate", "num_layers", "layer_decay_rate", "custom_keys"}
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": arch}
    model = build_on_meta({"type": "BackboneAndNeck", "backbone": backbone})
    init_default_scope(library)

    def rates(constructor, **paramwise_cfg):
        optimizer = {"type": "AdamW", "lr": 1.0, "weight_decay": 0.05}
        cfg = {"optimizer": optimizer, "constructor": constructor, "paramwise_cfg": paramwise_cfg}
        groups = build_optim_wrapper(model, cfg).optimizer.param_groups
        return {id(p): (round(g["lr"], 12), g["weight_decay"]) for g in groups for p in g["params"]}

    def written(*keys):
        return {key: value_of(pairs[key]) for key in keys}

    ours = "cnxv2_mm.LayerDecayOptimWrapperConstructor"
    types, strategies = ([value_of(text) for key, text in table if key == of] for of in ("decay_type", "strategy"))
    assert types == ["layer_wise", "stage_wise"]
    for decay_type, strategy in zip(types, strategies, strict=True):
        theirs = {**written("decay_rate"), "decay_type": decay_type, "num_layers": num_layers}
        theirs = rates(f"{library}.LearningRateDecayOptimizerConstructor", **theirs)
        assert len(theirs) == len(list(model.parameters()))
        assert rates(ours, strategy=strategy, **written("layer_decay_rate")) == theirs
    assert max(rates(ours, **written("layer_decay_rate", "custom_keys")).values()) == (2.0, 0.05)
