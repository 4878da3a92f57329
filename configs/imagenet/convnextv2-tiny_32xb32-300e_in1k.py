"""ConvNeXt V2 Tiny, fine-tuned on ImageNet-1K at 224 pixels from FCMAE weights: base's recipe with tiny's values.

    torchrun --nnodes 4 --nproc_per_node 8 tools/train.py configs/imagenet/convnextv2-tiny_32xb32-300e_in1k.py \
        --launcher pytorch

GPUs: 32 x 32 images = 1024 [P10].
Expected: 83.0 % top-1 (paper, table 14; not run here).
[P10] table 10 of arXiv 2301.00808. [C] has the same. [ours] our choice; the other tags are those of base's file.
"""

_base_ = "./convnextv2-base_32xb32-100e_in1k.py"

weights = dict(type="cnxv2_mm.Pretrained", checkpoint="convnextv2_tiny_fcmae")
model = dict(
    backbone=dict(arch="tiny", drop_path_rate=0.2, init_cfg=weights),  # [P10]
    head=dict(in_channels=768),
)

lr = 8e-4 * 1024 / 256
optim_wrapper = dict(
    optimizer=dict(lr=lr),  # [P10]
    paramwise_cfg=dict(layer_decay_rate=0.9, strategy="single"),  # [P10]; [P A.2]: single is the default
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, end=40, convert_to_iter_based=True),  # [P10]
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / lr, begin=40, end=300, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=300)  # [P10]
