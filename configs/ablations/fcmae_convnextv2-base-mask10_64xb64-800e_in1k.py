"""Figure 8: FCMAE of ConvNeXt V2 Base with 10 % of the patches hidden.

    torchrun --nnodes 8 --nproc_per_node 8 \
        tools/train.py configs/ablations/fcmae_convnextv2-base-mask10_64xb64-800e_in1k.py --launcher pytorch
    run=work_dirs/fcmae_convnextv2-base-mask10_64xb64-800e_in1k
    torchrun --nnodes 4 --nproc_per_node 8 tools/train.py configs/imagenet/convnextv2-base_32xb32-100e_in1k.py \
        --launcher pytorch --amp --work-dir $run/finetuned \
        --cfg-options model.backbone.init_cfg.checkpoint=$run/epoch_800.pth

GPUs: 64 x 64 images = 4096 [P8], then 32 x 32 images = 1024.
Expected: no number is printed, 60 % is the best of figure 8; not run here.
[ours]: V2; the paper does not say which network the figure is of.
The other tags are those of fcmae_convnextv2-base_64xb64-800e_in1k.py.
"""

_base_ = "../fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py"

model = dict(mask_ratio=0.1)  # [P] figure 8
