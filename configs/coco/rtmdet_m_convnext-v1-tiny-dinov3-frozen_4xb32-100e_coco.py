"""RTMDet-m on COCO, 100 epochs, on DINOv3's ConvNeXt Tiny, frozen: neck and head train.

    torchrun --nproc_per_node 4 tools/train.py configs/coco/rtmdet_m_convnext-v1-tiny-dinov3-frozen_4xb32-100e_coco.py \
        --launcher pytorch

GPUs: 4 x 32 images = 128 [MD]. Expected: unknown, nothing is published for it; not run here.
One backbone can then serve several tasks, and a step needs less memory and time. Licence and tags: the other file's.
"""

_base_ = "./rtmdet_m_convnext-v1-tiny-dinov3_4xb32-100e_coco.py"

model = dict(backbone=dict(frozen_stages=4, drop_path_rate=0.0, with_cp=False))  # there is no backward pass to save for
# Neck and head keep the rate that they have beside a backbone that learns [MD]; no layer is left to decay.
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
