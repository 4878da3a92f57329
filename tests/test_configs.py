"""Every config loads, builds, and has an optimiser that decays no vector; the list of them is complete and right."""

import re

import pytest
from mmengine.registry import init_default_scope

from cnxv2_mm.analysis.flops import analyse
from cnxv2_mm.config.build import build_on_meta
from cnxv2_mm.config.load import load_config
from tests.configs.common import ROOT, build, load, optimizer_groups
from tests.stock_mmengine import read_by_stock_mmengine

CONFIGS = [
    str(p.relative_to(ROOT))
    for p in sorted((ROOT / "configs").rglob("*.py"))
    if "_base_" not in p.relative_to(ROOT).parts
]
README = (ROOT / "configs" / "README.md").read_text()
# | `folder/name.py` | ... | 88.7 M | ... : a row of a table, and the parameters that it says
ROWS = {f"configs/{name}": row for row, name in re.findall(r"^(\| `([\w/.-]+\.py)` \|.*)$", README, flags=re.MULTILINE)}


@pytest.mark.parametrize("path", CONFIGS)
def test_it_builds_and_decays_no_vector(path):
    cfg = load(path)
    model = build(path)
    groups = optimizer_groups(model, cfg.optim_wrapper, cfg.default_scope)
    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    wrong = [n for n, p in model.named_parameters() if p.ndim <= 1 and id(p) in decayed]
    assert wrong == []
    assert sum(len(group["params"]) for group in groups) == sum(p.requires_grad for p in model.parameters())


def test_mmengine_alone_can_read_each():
    """As the libraries' own tools do, which never call ours; in files that are inherited from, too."""
    files = sorted((ROOT / "configs").rglob("*.py"))
    configs = dict(zip(files, read_by_stock_mmengine(files), strict=True))
    assert all(configs[ROOT / path]["custom_imports"]["imports"] == ["cnxv2_mm"] for path in CONFIGS)


def test_the_readme_lists_each_and_nothing_else():
    assert ROWS.keys() == set(CONFIGS)


@pytest.mark.parametrize("path", [path for path in ROWS if re.search(r"\| [\d.]+ M \|", ROWS[path])])
def test_the_readme_says_how_many_parameters_it_has(path):
    count = sum(p.numel() for p in build(path).parameters()) / 1e6
    assert f"| {count:.1f} M |" in ROWS[path]


@pytest.mark.parametrize("path", [path for path in ROWS if "/demo/" not in path])
def test_the_readme_gives_the_score_of_the_header(path):
    """It is the paper's."""
    score = ROWS[path].split("|")[2].strip()
    header = (ROOT / path).read_text().split('"""')[1]
    for number in re.findall(r"\d+\.\d", score):
        assert re.search(rf"\b{re.escape(number)}\b", header), f"{number} is not in the header"
    assert bool(re.search(r"\d", score)) == bool(re.search(r"\(paper, (table|section)|V1 has", header))


def test_the_readme_gives_no_score_as_one_of_ours():
    """No recipe has been run at full length; the demo's scores are in README.md."""
    titles = re.findall(r"^\| config \|(.*)\|$", README, flags=re.MULTILINE)
    assert len(titles) == 10
    assert all(title.split("|")[0].strip().startswith("paper") for title in titles[:-1])
    assert titles[-1].split("|")[0].strip() == "task"


def test_the_readmes_own_recipe_loads(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / "my_recipe.py").write_text(block.replace('"configs/', f'"{ROOT}/configs/'))
    cfg = load_config(str(tmp_path / "my_recipe.py"))
    assert cfg.train_dataloader.batch_size == 16
    assert {cfg[f"{name}_dataloader"].dataset.data_root for name in ("train", "val")} == {"my_imagenet"}
    assert cfg.model.backbone.arch == "tiny"


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("configs/fcmae/fcmae_convnextv2-huge_64xb64-800e_in1k.py", (3, 224, 224)),
        ("configs/imagenet/convnextv2-base_in22k-pre_16xb32-30e_in1k-384px.py", (3, 384, 384)),
        ("configs/coco/mask-rcnn_convnextv2-base_fpn_lsj-3x_coco.py", (3, 800, 1280)),
        ("configs/ade20k/upernet_convnextv2-huge-in22k_8xb2-160k_ade20k-640x640.py", (3, 640, 2560)),
    ],
)
def test_the_readme_gives_the_operations_that_are_counted(path, shape):
    model = load(path).model
    init_default_scope(load(path).default_scope)
    count = sum(cost.flops for cost in analyse(build_on_meta(model), shape).values()) / 1e9
    said = float(re.search(r"/ ([\d.]+) G \|", ROWS[path])[1])
    assert said == pytest.approx(count, rel=2e-3)  # three or four digits
