"""ConvNeXt V2 Tiny on one's own labelled images, some hundred to some ten thousand of them, on one GPU.

    python tools/train.py configs/imagenet/lowdata_convnextv2-tiny_1xb32-50e_folder.py

GPUs: 1 x 32 images. Expected: nothing is published for it; not run here.
Copy the file and set the first two values; the tree is train/<class>/*.jpg and val/<class>/*.jpg.
It starts from a classifier [ours]: FCMAE's weights need hundreds of epochs at high rates, which few images cannot bear.
[P10], [P13]: tables 10 and 13 of arXiv 2301.00808 for tiny; [ours]: our choice.
"""

_base_ = "./convnextv2-tiny_in22k-pre_16xb32-90e_in1k.py"

data_root = "data/my_images"
num_classes = 10
weights = dict(type="cnxv2_mm.Pretrained", checkpoint="convnextv2_tiny_in22k_in1k")
model = dict(
    data_preprocessor=dict(num_classes=num_classes),
    backbone=dict(init_cfg=weights),  # drop path 0.1, no mixup [P13]
    head=dict(num_classes=num_classes),
)
folder = dict(_delete_=True, type="CustomDataset", data_root=data_root)
train_dataloader = dict(dataset=dict(folder, data_prefix="train", pipeline=_base_.train_pipeline), drop_last=False)
val_dataloader = dict(dataset=dict(folder, data_prefix="val", pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(topk=(1,))  # there may be fewer than five classes
test_evaluator = val_evaluator

lr = 8e-4 * 32 / 256  # [P10]: [P13]'s 2.5e-5 is for a task that the weights know
optim_wrapper = dict(optimizer=dict(lr=lr, weight_decay=0.05))  # [P10]; layer decay 0.9, single
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, end=5, convert_to_iter_based=True),  # [ours]
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / lr, begin=5, end=50, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=50)  # [ours]
auto_scale_lr = dict(base_batch_size=32)
custom_hooks = []  # [ours]: averaging over 1 / (1 - 0.9999) = 10 000 iterations would keep the starting weights
