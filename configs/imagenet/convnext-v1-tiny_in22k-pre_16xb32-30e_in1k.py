"""ConvNeXt V1 Tiny (no GRN, layer scale), fine-tuned on ImageNet-1K at 224 pixels from its ImageNet-22K weights.

    torchrun --nnodes 2 --nproc_per_node 8 \
        tools/train.py configs/imagenet/convnext-v1-tiny_in22k-pre_16xb32-30e_in1k.py --launcher pytorch

GPUs: 16 x 32 images = 512 [V1]. Expected: 82.9 % top-1 (paper, table 15, V1; not run here).
The starting weights are what convnext-v1-tiny_64xb64-90e_in22k.py ends with.
[ours]: base's recipe with the drop path of V2's table 13. V1 has no command for this size, and its code has layer decay
for the larger ones only. [V1] facebookresearch/ConvNeXt @ 048efce; the other tags are those of _base_/in22k_to_in1k.py.
"""

_base_ = ["../_base_/in22k_to_in1k.py", "../_base_/imagenet1k_224.py"]

weights = dict(type="cnxv2_mm.Pretrained", checkpoint="work_dirs/convnext-v1-tiny_64xb64-90e_in22k/epoch_90.pth")
blocks = dict(use_grn=False, layer_scale_init_value=1e-6)  # [V1]
model = dict(
    backbone=dict(blocks, arch="tiny", drop_path_rate=0.1, init_cfg=weights),  # [ours]
    head=dict(in_channels=768),
)
custom_hooks = []  # [ours]: no EMA
