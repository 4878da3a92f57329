"""Files with weights as other libraries write them, of random numbers."""

import timm
import torch

from cnxv2_mm import ConvNeXtV2
from tests.checkpoints.peers import randomise

DINOV3_TINY = "convnext_tiny.dinov3_lvd1689m"


def dinov3_of_timm():
    """timm's own network for DINOv3's weights, which has a final norm and no classifier."""
    return randomise(timm.create_model(DINOV3_TINY, pretrained=False, num_classes=0))


def save(tensors, path):
    torch.save({"state_dict": tensors}, path)
    return str(path)


def save_backbone(path, arch="atto", prefix="backbone.", **arguments):
    """Save a backbone of ours as it is initialised, under a prefix; return it and the name of the file."""
    backbone = ConvNeXtV2(arch, **arguments)
    return backbone, save({prefix + name: tensor for name, tensor in backbone.state_dict().items()}, path)
