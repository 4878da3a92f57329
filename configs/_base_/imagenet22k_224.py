# ImageNet-22K (14.2 million images, 21 841 classes) at 224 pixels, nothing to validate on.
# Tree: train/<class>/*.jpg; a list of them in meta/train.txt ("class/x.jpg 0" a line) saves the search through folders.
_base_ = ["./imagenet1k_224.py"]

train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        _delete_=True,
        type="ImageNet21k",
        data_root="data/imagenet22k",
        split="train",
        pipeline=_base_.train_pipeline,
    ),
)
val_dataloader = None
val_evaluator = None
val_cfg = None
test_dataloader = None
test_evaluator = None
test_cfg = None
default_hooks = dict(checkpoint=dict(save_best=None))
