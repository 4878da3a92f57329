"""ConvNeXt V2 Base, trained on ImageNet-1K with labels only: the baseline of FCMAE.

    torchrun --nnodes 4 --nproc_per_node 8 \
        tools/train.py configs/imagenet/convnextv2-base_32xb128-300e-supervised_in1k.py --launcher pytorch

GPUs: 32 x 128 images = 4096 [V1]. Expected: 84.3 % top-1 (paper, table 14, which gives no recipe; not run here).

[V1] facebookresearch/ConvNeXt @ 048efce, table 5 of arXiv 2201.03545: [ours] takes its recipe for V2 as well.
"""

_base_ = "./convnextv2-base_32xb32-100e_in1k.py"

model = dict(
    backbone=dict(drop_path_rate=0.5, init_cfg=None),  # [V1]
    head=dict(init_cfg=dict(std=0.02)),  # [V1]: not scaled down
)
train_dataloader = dict(batch_size=128)
lr = 4e-3 * 4096 / 4096  # [V1]
optim_wrapper = dict(
    optimizer=dict(lr=lr),
    paramwise_cfg=dict(layer_decay_rate=1.0),  # [V1]: none
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, end=20, convert_to_iter_based=True),  # [V1]
    # [V1] min_lr 1e-6
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / lr, begin=20, end=300, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=300)  # [V1]
auto_scale_lr = dict(base_batch_size=4096)
