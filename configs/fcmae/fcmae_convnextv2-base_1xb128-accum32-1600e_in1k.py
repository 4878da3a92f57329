"""FCMAE pre-training of ConvNeXt V2 Base on ImageNet-1K with one GPU, which sums up the gradients of 32 iterations.

    python tools/train.py configs/fcmae/fcmae_convnextv2-base_1xb128-accum32-1600e_in1k.py

GPUs: 1 x 128 images x 32 iterations = 4096 [P8].
Expected: after fine-tuning 84.9 % top-1 (paper, table 14; not run here).
The weights are those of 4096 images at once: every image has the same number of hidden patches, and nothing in the
model looks at the batch. [ours]: 128 x 32; any product of 4096 will do.
The other tags are those of fcmae_convnextv2-base_64xb64-800e_in1k.py.
"""

_base_ = "./fcmae_convnextv2-base_64xb64-1600e_in1k.py"

train_dataloader = dict(batch_size=128)
optim_wrapper = dict(accumulative_counts=32)
