"""ConvNeXt V2 Nano, intermediate fine-tuning on ImageNet-22K: base's recipe with nano's values.

    torchrun --nnodes 8 --nproc_per_node 8 tools/train.py configs/imagenet/convnextv2-nano_64xb64-90e_in22k.py \
        --launcher pytorch --amp

GPUs: 64 x 64 images = 4096 [P12]; mixed precision [ours]. Expected: no score of its own is published (table 15
is after fine-tuning on ImageNet-1K as well); not run here.
[P12] table 12 of arXiv 2301.00808; the other tags are those of base's file.
"""

_base_ = "./convnextv2-base_64xb64-90e_in22k.py"

weights = dict(type="cnxv2_mm.Pretrained", checkpoint="convnextv2_nano_fcmae")
model = dict(
    backbone=dict(arch="nano", drop_path_rate=0.0, init_cfg=weights),  # [P12]
    head=dict(in_channels=640),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.9, strategy="single"))  # [P12]; single [ours]
