"""DINO with four scales on COCO, 12 epochs, on DINOv3's ConvNeXt Tiny, frozen: neck, encoder, decoder and head train.

    torchrun --nproc_per_node 8 \
        tools/train.py configs/coco/dino-4scale_convnext-v1-tiny-dinov3-frozen_8xb2-12e_coco.py --launcher pytorch

GPUs: 8 x 2 images = 16 [MD]. Expected: unknown, nothing is published for it; not run here.
One backbone can then serve several tasks, and a step needs less memory and time. Licence and tags: the other file's.
"""

_base_ = "./dino-4scale_convnext-v1-tiny-dinov3_8xb2-12e_coco.py"

model = dict(backbone=dict(frozen_stages=4, drop_path_rate=0.0))
# The heads keep the rate that they have beside a backbone that learns [MD]; no layer is left to decay.
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
