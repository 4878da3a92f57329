"""ConvNeXt V2 Large, fine-tuned on ImageNet-1K at 224 pixels from FCMAE weights: base's recipe with large's values.

    torchrun --nnodes 4 --nproc_per_node 8 tools/train.py configs/imagenet/convnextv2-large_32xb32-100e_in1k.py \
        --launcher pytorch --amp

GPUs: 32 x 32 images = 1024 [P11]; mixed precision [ours], as [C] does for base.
Expected: 85.8 % top-1 (paper, table 14; not run here).
[P11] table 11 of arXiv 2301.00808. [ours] our choice; the other tags are those of base's file.
"""

# With base's rate [ours]: [P11] prints one number for both, and [C] has the command for base alone.
_base_ = "./convnextv2-base_32xb32-100e_in1k.py"

weights = dict(type="cnxv2_mm.Pretrained", checkpoint="convnextv2_large_fcmae")
model = dict(
    backbone=dict(arch="large", drop_path_rate=0.2, init_cfg=weights),  # [P11]
    head=dict(in_channels=1536),
)
