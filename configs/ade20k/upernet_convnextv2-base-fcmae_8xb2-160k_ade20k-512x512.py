"""UperNet with ConvNeXt V2 Base on ADE20K, 512 pixels, straight from FCMAE weights.

    torchrun --nproc_per_node 8 \
        tools/train.py configs/ade20k/upernet_convnextv2-base-fcmae_8xb2-160k_ade20k-512x512.py --launcher pytorch

GPUs: 8 x 2 images = 16 [P A.4].
Expected: nothing is published; the paper found fine-tuned weights better (appendix A.4). Not run here.
Everything else is as in the file below.
"""

_base_ = "./upernet_convnextv2-base_8xb2-160k_ade20k-512x512.py"

model = dict(backbone=dict(init_cfg=dict(checkpoint="convnextv2_base_fcmae")))
