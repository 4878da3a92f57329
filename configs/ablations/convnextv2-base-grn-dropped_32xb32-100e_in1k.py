"""Table 2f: GRN in pre-training and none in fine-tuning, ConvNeXt V2 Base.

    torchrun --nnodes 4 --nproc_per_node 8 \
        tools/train.py configs/ablations/convnextv2-base-grn-dropped_32xb32-100e_in1k.py --launcher pytorch --amp

GPUs: 32 x 32 images = 1024 [P11]. Expected: 78.8 % top-1 (paper, table 2f; not run here); with GRN in both 84.6 %.
The starting weights are what fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py ends with.
The tags are those of imagenet/convnextv2-base_32xb32-100e_in1k.py.
"""

_base_ = "../imagenet/convnextv2-base_32xb32-100e_in1k.py"

weights = dict(checkpoint="work_dirs/fcmae_convnextv2-base_64xb64-800e_in1k/epoch_800.pth", grn="drop")
model = dict(backbone=dict(use_grn=False, init_cfg=weights))  # [P] table 2f
