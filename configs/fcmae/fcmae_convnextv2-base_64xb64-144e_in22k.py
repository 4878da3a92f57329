"""FCMAE pre-training of ConvNeXt V2 Base on ImageNet-22K.

    torchrun --nnodes 8 --nproc_per_node 8 tools/train.py configs/fcmae/fcmae_convnextv2-base_64xb64-144e_in22k.py \
        --launcher pytorch

GPUs: 64 x 64 images = 4096 [P8]. Expected: nothing is published, the paper pre-trains on ImageNet-1K; not run here.
The tree is train/<class>/*.jpg. The tags are those of fcmae_convnextv2-base_64xb64-800e_in1k.py.
"""

_base_ = "./fcmae_convnextv2-base_64xb64-800e_in1k.py"

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="CustomDataset",
        data_root="data/imagenet22k/train",
        with_label=False,
        pipeline=_base_.train_pipeline,
    )
)
# [ours]: as many images as in 1600 epochs of ImageNet-1K, and the same share of warm-up, 40 / 1600
epochs = 1600 * 1281167 // 14197122  # 144
param_scheduler = [dict(_base_.param_scheduler[0], warmup_share=40 / 1600)]
train_cfg = dict(max_epochs=epochs)
