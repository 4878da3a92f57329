# ImageNet-1K at 512 pixels. [C]: from 384 pixels on the whole image is warped to a square, nothing is cut off.
_base_ = ["./imagenet1k_224.py"]

train_pipeline = [
    _base_.train_pipeline[0],
    dict(_base_.train_pipeline[1], scale=512),
    *_base_.train_pipeline[2:],
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(512, 512), backend="pillow", interpolation="bicubic"),
    dict(type="PackInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
