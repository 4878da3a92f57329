"""Mask R-CNN with ConvNeXt V2 Large on COCO: the supervised baseline of FCMAE.

    torchrun --nnodes 2 --nproc_per_node 8 \
        tools/train.py configs/coco/mask-rcnn_convnextv2-large-supervised_fpn_lsj-3x_coco.py --launcher pytorch

GPUs: 16 x 2 images = 32 [P A.3]. Expected: box AP 51.5, mask AP 45.8 (paper, table 6; not run here).
The starting weights are what imagenet/convnextv2-large_32xb128-300e-supervised_in1k.py ends with.
[ours]: everything else as for FCMAE's weights; the paper does not say what its sweep chose for this row.
"""

_base_ = "./mask-rcnn_convnextv2-large_fpn_lsj-3x_coco.py"

weights = dict(checkpoint="work_dirs/convnextv2-large_32xb128-300e-supervised_in1k/epoch_300.pth")
model = dict(backbone=dict(init_cfg=weights))
