"""Table 2f: GRN in fine-tuning and none in pre-training, ConvNeXt V1 Base with GRN added.

    torchrun --nnodes 4 --nproc_per_node 8 \
        tools/train.py configs/ablations/convnextv2-base-grn-added_32xb32-100e_in1k.py --launcher pytorch --amp

GPUs: 32 x 32 images = 1024 [P11]. Expected: 80.6 % top-1 (paper, table 2f; not run here); with GRN in both 84.6 %.
The starting weights are what fcmae/fcmae_convnext-v1-base_64xb64-800e_in1k.py ends with.
The tags are those of imagenet/convnext-v1-base_32xb32-100e-fcmae_in1k.py.
"""

_base_ = "../imagenet/convnext-v1-base_32xb32-100e-fcmae_in1k.py"

weights = dict(checkpoint="work_dirs/fcmae_convnext-v1-base_64xb64-800e_in1k/epoch_800.pth", grn="add")
# [P] table 2f; [ours]: the layer scale of the weights stays
model = dict(backbone=dict(use_grn=True, init_cfg=weights))
