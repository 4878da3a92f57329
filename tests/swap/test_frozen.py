"""``freeze``: a detector whose backbone keeps its weights, trained for real."""

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from torch.utils.data import DataLoader

from cnxv2_mm.swap import swap_backbone, swap_config
from tests.conftest import photographs
from tests.swap.files import save_backbone

RETINANET = "mmdet::retinanet/retinanet_r18_fpn_1x_coco.py"
DINO = "mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py"


def loader():
    """Four photographs with a box each, two at a time, as mmdet's pipelines pack them."""
    from mmdet.structures import DetDataSample

    def sample(image):
        labels = DetDataSample(metainfo={"img_shape": (96, 64), "scale_factor": (1.0, 1.0)})
        labels.gt_instances = InstanceData(bboxes=torch.tensor([[8.0, 8.0, 40.0, 60.0]]), labels=torch.tensor([3]))
        return {"inputs": (image * 64 + 128).clamp(0, 255).byte(), "data_samples": labels}

    return DataLoader([sample(image) for image in photographs(4)], batch_size=2, collate_fn=pseudo_collate)


@pytest.fixture
def trained(tmp_path):
    """The backbone of a file, V1 and with its last norm alone, and a runner for two steps with it."""
    arguments = {"use_grn": False, "layer_scale_init_value": 1e-6, "out_indices": (3,)}
    backbone, file = save_backbone(tmp_path / "mine.pth", "atto", **arguments)
    config = swap_backbone(RETINANET, checkpoint=file, freeze=True)
    runner = Runner(
        config.model,
        str(tmp_path / "run"),
        train_dataloader=loader(),
        train_cfg={"by_epoch": True, "max_epochs": 1},
        optim_wrapper=config.optim_wrapper,
        custom_hooks=[],
        default_scope="mmdet",
        default_hooks={"checkpoint": None, "logger": None},
    )
    return backbone, runner


def test_heads_are_trained_and_the_backbone_is_not(trained):
    backbone, runner = trained
    runner.model.init_weights()
    before = {name: tensor.clone() for name, tensor in runner.model.state_dict().items()}
    runner.train()
    after = runner.model.state_dict()
    inside = {name for name in after if name.startswith("backbone.")}
    for name in inside:
        assert torch.equal(after[name], backbone.state_dict().get(name.removeprefix("backbone."), before[name])), name
    # Of norms that the file lacks: they only normalise. The first map is read by nobody.
    for name in ("norm1", "norm2"):
        assert torch.equal(after[f"backbone.{name}.weight"], torch.ones_like(after[f"backbone.{name}.weight"]))
        assert not after[f"backbone.{name}.bias"].any()
    trainable = {name for name, parameter in runner.model.named_parameters() if parameter.requires_grad}
    assert trainable.isdisjoint(inside)
    assert [name for name in trainable if torch.equal(after[name], before[name])] == []
    # No parameter without a gradient, at which distributed training would stop.
    data = runner.model.data_preprocessor(next(iter(loader())), training=True)
    runner.model.parse_losses(runner.model(**data, mode="loss"))[0].backward()
    assert all(parameter.grad is not None for parameter in runner.model.parameters() if parameter.requires_grad)
    modules = [module for name, module in runner.model.backbone.named_modules() if name]
    assert runner.model.training
    assert not any(module.training for module in modules if not isinstance(module, torch.nn.ModuleList))


def test_the_optimiser_has_neck_and_heads_alone_at_one_rate(trained):
    _, runner = trained
    groups = runner.build_optim_wrapper(runner.optim_wrapper).param_groups
    held = {id(parameter) for group in groups for parameter in group["params"]}
    heads = {id(p) for name, p in runner.model.named_parameters() if not name.startswith("backbone.")}
    assert held == heads
    assert {group["lr"] for group in groups} == {2e-4}


def test_what_the_config_says_of_a_frozen_backbone():
    """DINO's AdamW keeps its rate, which is that of its transformer; its rule for the backbone has no use any more."""
    swapped = swap_config(DINO, checkpoint="convnextv2_tiny_in1k", freeze=True)
    backbone, wrapper = swapped.config.model.backbone, swapped.config.optim_wrapper
    assert (backbone.frozen_stages, backbone.drop_path_rate) == (4, 0.0)
    assert wrapper.optimizer.lr == 1e-4
    assert wrapper.paramwise_cfg == {"layer_decay_rate": 1.0, "strategy": "single"}
    assert "find_unused_parameters" not in swapped.config
    notes = " ".join(swapped.notes)
    assert "backbone: frozen, in evaluation mode" in notes
    assert "all of it is trained" not in notes
    assert "AdamW's learning rate is kept; neck and heads learn at it" in notes


def test_only_the_stages_that_are_built_are_frozen():
    """DC5 reads the last of four stages at stride 16; a C4 network ends before it."""
    head = {"type": "FCNHead", "in_channels": 256, "in_index": 0, "channels": 8, "num_classes": 3}
    resnet = {"type": "ResNet", "depth": 18, "num_stages": 3, "strides": (1, 2, 2), "dilations": (1, 1, 1)}
    model = {
        "type": "EncoderDecoder",
        "backbone": {**resnet, "out_indices": (2,), "with_cp": True},
        "decode_head": head,
    }
    config = swap_backbone(Config({"model": model, "default_scope": "mmseg"}), "atto", freeze=True)
    assert config.model.backbone.frozen_stages == 3
    assert "with_cp" not in config.model.backbone  # no backward pass, nothing to compute again
    assert config.model.backbone.init_cfg.checkpoint == "convnextv2_atto_in1k"


def test_a_random_start_cannot_be_frozen():
    with pytest.raises(ValueError, match="freeze=True keeps the weights"):
        swap_backbone(DINO, "tiny", checkpoint="none", freeze=True)
