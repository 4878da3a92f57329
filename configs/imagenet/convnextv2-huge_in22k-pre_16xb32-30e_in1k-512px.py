"""ConvNeXt V2 Huge, fine-tuned on ImageNet-1K at 512 pixels from its own ImageNet-22K weights.

    torchrun --nnodes 2 --nproc_per_node 8 \
        tools/train.py configs/imagenet/convnextv2-huge_in22k-pre_16xb32-30e_in1k-512px.py --launcher pytorch --amp

GPUs: 16 x 32 images = 512 [P13]; mixed precision [ours]. Expected: 88.9 % top-1 (paper, table 15; not run here).
It is the recipe for 384 pixels with larger images: they are warped to a square, too [C].
The starting weights are what convnextv2-huge_64xb64-90e_in22k.py ends with; the 22K classifiers are not published.
[P13] table 13 of arXiv 2301.00808; the other tags are those of _base_/in22k_to_in1k.py.
"""

_base_ = "./convnextv2-huge_in22k-pre_16xb32-30e_in1k-384px.py"

train_pipeline = [
    _base_.train_pipeline[0],
    dict(_base_.train_pipeline[1], scale=512),
    *_base_.train_pipeline[2:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(_base_.test_pipeline[1], scale=(512, 512)),
    _base_.test_pipeline[2],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
