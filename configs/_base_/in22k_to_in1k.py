# The recipe from ImageNet-22K to ImageNet-1K, in size base, without its data.
# [P13] table 13 of arXiv 2301.00808; [C] facebookresearch/ConvNeXt-V2 @ 2553895; [ours] our choice.
_base_ = ["./classifier.py"]

model = dict(train_cfg=None)  # [P13]: neither mixup nor cutmix; smoothing 0.1 as in classifier.py
lr = 2.5e-5 * 512 / 256  # [P13]
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-8, fused=True),  # [P13], eps [C]
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.8, strategy="group"),  # [P13]; [ours]: its type is that on ImageNet-1K
)
# [P13]: no warm-up; stepped every iteration, min_lr 1e-6 [C]
param_scheduler = [dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / lr, end=30, convert_to_iter_based=True)]
train_cfg = dict(by_epoch=True, max_epochs=30, val_interval=1)  # [P13]
auto_scale_lr = dict(base_batch_size=512)
custom_hooks = [dict(type="EMAHook", momentum=1e-4, priority="ABOVE_NORMAL")]  # [P13]: decay 0.9999
