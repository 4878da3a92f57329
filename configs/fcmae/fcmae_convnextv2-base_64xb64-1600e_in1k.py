"""FCMAE pre-training of ConvNeXt V2 Base on ImageNet-1K, 1600 epochs: base's recipe, as for every size [P8].

    torchrun --nnodes 8 --nproc_per_node 8 tools/train.py configs/fcmae/fcmae_convnextv2-base_64xb64-1600e_in1k.py \
        --launcher pytorch

GPUs: 64 x 64 images = 4096 [P8]. Expected: after fine-tuning 84.9 % top-1 (paper, table 14; not run here).
The tags are those of fcmae_convnextv2-base_64xb64-800e_in1k.py.
"""

_base_ = "./fcmae_convnextv2-base_64xb64-800e_in1k.py"

param_scheduler = [dict(_base_.param_scheduler[0], warmup_share=40 / 1600)]  # [P8]
train_cfg = dict(max_epochs=1600)  # [P8]
