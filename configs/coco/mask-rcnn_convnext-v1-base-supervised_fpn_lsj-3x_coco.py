"""Mask R-CNN with ConvNeXt V1 Base (no GRN, layer scale) on COCO: the supervised baseline of FCMAE.

    torchrun --nproc_per_node 8 \
        tools/train.py configs/coco/mask-rcnn_convnext-v1-base-supervised_fpn_lsj-3x_coco.py --launcher pytorch

GPUs: 8 x 4 images = 32 [P A.3]. Expected: box AP 50.3, mask AP 44.9 (paper, table 6; not run here).
The starting weights are what imagenet/convnext-v1-base_32xb128-300e_in1k.py ends with.
[ours]: everything else as for FCMAE's weights; the paper does not say what its sweep chose for this row.
"""

_base_ = "./mask-rcnn_convnextv2-base_fpn_lsj-3x_coco.py"

weights = dict(checkpoint="work_dirs/convnext-v1-base_32xb128-300e_in1k/epoch_300.pth")
model = dict(backbone=dict(use_grn=False, layer_scale_init_value=1e-6, init_cfg=weights))  # [V1]
