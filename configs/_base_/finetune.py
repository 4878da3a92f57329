"""What the configs of `cnxv2 finetune` share: all is counted in iterations, and the best weights are kept."""

custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
env_cfg = dict(mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0))
randomness = dict(seed=0)
log_processor = dict(by_epoch=False, window_size=20)
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=10, log_metric_by_epoch=False),
    checkpoint=dict(type="CheckpointHook", by_epoch=False, max_keep_ckpts=1),
)
val_cfg = dict()
test_cfg = dict()
