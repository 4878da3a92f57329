"""Two small networks, V1 and V2, and crops of two photographs, a folder for each."""

from importlib.util import find_spec
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.layers import GRN

ARCH = {"depths": (1, 1, 2, 1), "channels": (8, 12, 16, 20)}
V1 = {"use_grn": False, "layer_scale_init_value": 0.5}


def randomise(model):
    """Numbers in every tensor that matter: GRN, layer scale and norms begin with ones and zeros."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, GRN | nn.LayerNorm):
            for p in module.parameters():
                nn.init.normal_(p, mean=0.5)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.2)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
    return model.eval()


def make_v1():
    """What a classifier is fine-tuned from: an encoder with its final norm."""
    return randomise(ConvNeXtV2(ARCH, out_indices=(3,), gap_before_final_norm=True, **V1))


def make_v2():
    torch.manual_seed(0)  # the mask token is drawn when it is made
    return randomise(FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}, {"width": 16}))


def write_checkpoints(root):
    """Files of the same name in two folders, as two trainings leave them."""
    files = []
    for name, model in (("v1", make_v1()), ("v2", make_v2())):
        file = root / name / "last.pth"
        file.parent.mkdir()
        torch.save({"state_dict": model.state_dict()}, file)
        files.append(str(file))
    return files


def write_photographs(root):
    """Six crops of a cat and five of an astronaut, not square."""
    data = Path(find_spec("skimage").origin).parent / "data"
    for name, number in (("chelsea", 6), ("astronaut", 5)):
        photograph = Image.open(data / f"{name}.png").convert("RGB")
        (root / name / "crops").mkdir(parents=True)
        for i in range(number):
            left, top = 40 * i, 30 * i
            photograph.crop((left, top, left + 96, top + 128)).save(root / name / "crops" / f"{i}.png")
    return root
