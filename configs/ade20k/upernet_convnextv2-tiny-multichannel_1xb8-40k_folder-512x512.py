"""UperNet on one's own folder of TIFF images with any number of channels, here 8, from its own FCMAE weights.

    python tools/train.py configs/fcmae/folder_multichannel.py
    python tools/train.py configs/ade20k/upernet_convnextv2-tiny-multichannel_1xb8-40k_folder-512x512.py

GPUs: 1 x 8 images. Expected: unknown, nothing is published for it; not run here.
Copy both files and set channels, mean, std and data_root in both, classes here. Images hold (height, width, channels),
of any integer or float type; tifffile reads them (it comes with scikit-image). Label maps are PNG files of the same
name, whose pixels hold the number of a class, or 255 for none. The tree is images/train, images/val, labels/train and
labels/val. [P A.4], [V1]: base's tags; [ours] our choice, in every part that is not tagged otherwise.
"""

_base_ = "./upernet_convnextv2-tiny-fcmae_8xb2-160k_ade20k-512x512.py"

channels = 8
mean = [127.5] * channels  # those of the pre-training: one number a channel, in the files' units
std = [127.5] * channels
classes = ("ground", "building", "tree")
data_root = "data/labelled_tiles"

norm_cfg = dict(type="BN", requires_grad=True)  # one GPU
model = dict(
    data_preprocessor=dict(mean=None, std=None, bgr_to_rgb=False),  # it normalises one or three channels only
    backbone=dict(
        in_channels=channels,
        # What folder_multichannel.py leaves. Without a pre-training of one's own: weights for three channels, whose
        # stem is inflated, dict(checkpoint="convnextv2_tiny_in1k", stem="inflate").
        init_cfg=dict(checkpoint="work_dirs/folder_multichannel/epoch_800.pth"),
    ),
    decode_head=dict(num_classes=len(classes), norm_cfg=norm_cfg),
    auxiliary_head=dict(num_classes=len(classes), norm_cfg=norm_cfg),
)

load_image = [
    dict(type="LoadImageFromFile", imdecode_backend="tifffile", to_float32=True),
    dict(type="Normalize", mean=mean, std=std, to_rgb=False),
]
train_pipeline = [  # without mmseg's PhotoMetricDistortion, which is for RGB
    *load_image,
    dict(type="LoadAnnotations"),
    dict(type="RandomResize", scale=(512, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=_base_.crop_size, cat_max_ratio=0.75),
    dict(type="RandomFlip", prob=0.75, direction=["horizontal", "vertical", "diagonal"]),  # seen from above
    dict(type="PackSegInputs"),
]
test_pipeline = [*load_image, dict(type="LoadAnnotations"), dict(type="PackSegInputs")]  # at the files' resolution
tta_pipeline = [
    *load_image,
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="RandomFlip", prob=0.0), dict(type="RandomFlip", prob=1.0)],
            [dict(type="LoadAnnotations")],
            [dict(type="PackSegInputs")],
        ],
    ),
]

folder = dict(
    _delete_=True,
    type="BaseSegDataset",
    metainfo=dict(classes=classes),
    data_root=data_root,
    img_suffix=".tif",
    seg_map_suffix=".png",
)
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        folder,
        data_prefix=dict(img_path="images/train", seg_map_path="labels/train"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        folder,
        data_prefix=dict(img_path="images/val", seg_map_path="labels/val"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

max_iters = 40_000
# Swept over 1e-4, 2e-4, 3e-4 for 16 images [P A.4]: the middle, halved for 8. Decay 0.9 by stage [V1].
optim_wrapper = dict(optimizer=dict(lr=2e-4 * 8 / 16))
param_scheduler = [  # [V1], shorter
    dict(type="LinearLR", start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type="PolyLR", power=1.0, eta_min=0.0, by_epoch=False, begin=1500, end=max_iters),
]
train_cfg = dict(max_iters=max_iters, val_interval=2000)
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(checkpoint=dict(interval=2000))
