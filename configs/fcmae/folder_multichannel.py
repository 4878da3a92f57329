"""FCMAE pre-training on one's own folder of TIFF images with any number of channels, here 8.

    python tools/train.py configs/fcmae/folder_multichannel.py

GPUs: 1 x 64 images. Expected: nothing is published for it; not run at full length.
Copy the file and set channels, mean, std and data_root. Files hold (height, width, channels), of any integer or float
type; tifffile reads them (it comes with scikit-image). [ours]: all of it, beyond folder.py.
"""

_base_ = "./folder.py"

channels = 8
mean = [127.5] * channels  # one number a channel, in the files' units: the data set's own are better
std = [127.5] * channels

model = dict(
    backbone=dict(in_channels=channels),
    # SelfSupDataPreprocessor knows one and three channels only.
    data_preprocessor=dict(_delete_=True, type="ClsDataPreprocessor", mean=mean, std=std, to_rgb=False),
)
train_pipeline = [
    dict(type="LoadImageFromFile", imdecode_backend="tifffile", to_float32=True),
    dict(type="RandomResizedCrop", scale=224, crop_ratio_range=(0.2, 1.0), interpolation="bicubic"),  # Pillow: 1, 3, 4
    *_base_.train_pipeline[2:],
]
train_dataloader = dict(
    dataset=dict(data_root="data/tiles", extensions=(".tif", ".tiff"), pipeline=train_pipeline),
)
