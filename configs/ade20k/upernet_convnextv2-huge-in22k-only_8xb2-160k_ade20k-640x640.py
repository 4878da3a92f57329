"""UperNet with ConvNeXt V2 Huge on ADE20K, 640 pixels, from our own weights of ImageNet-22K, as in the paper.

    torchrun --nproc_per_node 8 \
        tools/train.py configs/ade20k/upernet_convnextv2-huge-in22k-only_8xb2-160k_ade20k-640x640.py --launcher pytorch

GPUs: 8 x 2 images = 16 [P A.4]. Expected: mIoU 57.0 with multi-scale test (paper, table 7; not run here).
The starting weights are what imagenet/convnextv2-huge_64xb64-90e_in22k.py ends with: "22K ft" [P table 7] is before any
fine-tuning on ImageNet-1K, and such weights are not published.
Multi-scale test: as in base's file, whose tags these are.
"""

_base_ = "./upernet_convnextv2-huge-in22k_8xb2-160k_ade20k-640x640.py"

weights = dict(checkpoint="work_dirs/convnextv2-huge_64xb64-90e_in22k/epoch_90.pth")
model = dict(backbone=dict(init_cfg=weights))
