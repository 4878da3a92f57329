"""ConvNeXt V2 Nano, fine-tuned on ImageNet-1K at 224 pixels from FCMAE weights: base's recipe with nano's values.

    torchrun --nnodes 4 --nproc_per_node 8 tools/train.py configs/imagenet/convnextv2-nano_32xb32-600e_in1k.py \
        --launcher pytorch

GPUs: 32 x 32 images = 1024 [P9].
Expected: 81.9 % top-1 (paper, table 14; not run here).
[P9] table 9 of arXiv 2301.00808. [ours] our choice; the other tags are those of base's file.
"""

_base_ = "./convnextv2-base_32xb32-100e_in1k.py"

weights = dict(type="cnxv2_mm.Pretrained", checkpoint="convnextv2_nano_fcmae")
model = dict(
    backbone=dict(arch="nano", drop_path_rate=0.1, init_cfg=weights),  # [P9]
    head=dict(in_channels=640, loss=dict(label_smooth_val=0.2)),  # [P9]
    train_cfg=dict(augments=[dict(type="Mixup", alpha=0.5), dict(type="CutMix", alpha=0.5)]),  # [P9]
)

lr = 2e-4 * 1024 / 256
optim_wrapper = dict(
    optimizer=dict(lr=lr, weight_decay=0.3),  # [P9]
    paramwise_cfg=dict(layer_decay_rate=0.9, strategy="single"),  # [P9]; [P A.2]: single is the default
)
# [P9]: no warm-up
param_scheduler = [dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / lr, end=600, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=600)  # [P9]
