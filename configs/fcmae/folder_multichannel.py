"""FCMAE pre-training on one's own folder of images with any number of channels, here 8.

    python tools/train.py configs/fcmae/folder_multichannel.py

GPUs: 1 x 64 images. Expected: nothing is published for it; not run at full length.
Copy the file and set channels, mean, std and data_root. Files are TIFFs of any integer or float type, which tifffile
reads (it comes with scikit-image), or any other image. [ours]: all of it, beyond folder.py.
"""

_base_ = "./folder.py"

channels = 8
mean = [127.5] * channels  # one number a channel, in the files' units: the data set's own are better
std = [127.5] * channels

model = dict(
    backbone=dict(in_channels=channels),
    data_preprocessor=dict(mean=mean, std=std),
)
train_pipeline = [
    dict(type="cnxv2_mm.LoadImage", channels=None),  # those of the file, and the run ends if they are not in_channels
    *_base_.train_pipeline[1:],
]
train_dataloader = dict(dataset=dict(data_root="data/tiles", pipeline=train_pipeline))
