"""FCMAE pre-training of ConvNeXt V2 Nano on ImageNet-1K, 800 epochs: base's recipe, as for every size [P8].

    torchrun --nnodes 8 --nproc_per_node 8 tools/train.py configs/fcmae/fcmae_convnextv2-nano_64xb64-800e_in1k.py \
        --launcher pytorch

GPUs: 64 x 64 images = 4096 [P8]. Expected: the paper gives no score after 800 epochs for this size; not run here.
The tags are those of fcmae_convnextv2-base_64xb64-800e_in1k.py.
"""

_base_ = "./fcmae_convnextv2-base_64xb64-800e_in1k.py"

model = dict(backbone=dict(arch="nano"))
