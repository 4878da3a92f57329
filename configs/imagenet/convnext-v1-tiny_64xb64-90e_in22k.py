"""ConvNeXt V1 Tiny (no GRN, layer scale), trained on ImageNet-22K: base's recipe with tiny's values.

    torchrun --nnodes 8 --nproc_per_node 8 tools/train.py configs/imagenet/convnext-v1-tiny_64xb64-90e_in22k.py \
        --launcher pytorch

GPUs: 64 x 64 images = 4096 [V1]. Expected: no score of its own is published (table 15 is after fine-tuning on
ImageNet-1K as well); not run here.
The tags are those of base's file.
"""

_base_ = "./convnext-v1-base_64xb64-90e_in22k.py"

model = dict(
    backbone=dict(arch="tiny", drop_path_rate=0.0),  # [ours]: as V2's in [P12]; V1 has no command for this size
    head=dict(in_channels=768),
)
