"""ConvNeXt V2 Huge, intermediate fine-tuning on ImageNet-22K: base's recipe with huge's values.

    torchrun --nnodes 8 --nproc_per_node 8 tools/train.py configs/imagenet/convnextv2-huge_64xb64-90e_in22k.py \
        --launcher pytorch --amp

GPUs: 64 x 64 images = 4096 [P12]; mixed precision [ours]. Expected: no score of its own is published (table 15
is after fine-tuning on ImageNet-1K as well); not run here.
[P12] table 12 of arXiv 2301.00808; the other tags are those of base's file.
"""

_base_ = "./convnextv2-base_64xb64-90e_in22k.py"

weights = dict(type="cnxv2_mm.Pretrained", checkpoint="convnextv2_huge_fcmae")
model = dict(
    backbone=dict(arch="huge", drop_path_rate=0.3, with_cp=True, init_cfg=weights),  # [P12]; with_cp [ours]: memory
    head=dict(in_channels=2816),
)
# [P12]. [ours]: groups, inferred from its one value for base, large and huge; no source gives the type for huge.
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8, strategy="group"))

# Section 5 of the paper, of its 88.9 %: "384^2 resolution images for pre-training and fine-tuning"; taken to mean this.
train_pipeline = [
    _base_.train_pipeline[0],
    dict(_base_.train_pipeline[1], scale=384),
    *_base_.train_pipeline[2:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
