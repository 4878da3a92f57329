"""ConvNeXt V2 Huge, fine-tuned on ImageNet-1K at 384 pixels from its own ImageNet-22K weights.

    torchrun --nnodes 2 --nproc_per_node 8 \
        tools/train.py configs/imagenet/convnextv2-huge_in22k-pre_16xb32-30e_in1k-384px.py --launcher pytorch --amp

GPUs: 16 x 32 images = 512 [P13]; mixed precision [ours]. Expected: 88.7 % top-1 (paper, table 15; not run here).
The starting weights are what convnextv2-huge_64xb64-90e_in22k.py ends with; the 22K classifiers are not published.
[P13] table 13 of arXiv 2301.00808; the other tags are those of _base_/in22k_to_in1k.py.
"""

_base_ = ["../_base_/in22k_to_in1k.py", "../_base_/imagenet1k_384.py"]

weights = dict(type="cnxv2_mm.Pretrained", checkpoint="work_dirs/convnextv2-huge_64xb64-90e_in22k/epoch_90.pth")
model = dict(
    backbone=dict(arch="huge", drop_path_rate=0.5, with_cp=True, init_cfg=weights),  # [P13]; with_cp [ours]: memory
    head=dict(in_channels=2816),
)
# [P13]; [ours]: groups, inferred as in convnextv2-huge_64xb64-90e_in22k.py; V1 has them in this step
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.85, strategy="group"))
custom_hooks = []  # [P13]: no EMA
