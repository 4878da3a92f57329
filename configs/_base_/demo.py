"""What the configs in ``configs/demo/`` share: iterations for epochs, one validation at the end, the last weights."""

env_cfg = dict(mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0))
randomness = dict(seed=0)
log_processor = dict(by_epoch=False, window_size=20)
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=10, log_metric_by_epoch=False),
    checkpoint=dict(
        type="CheckpointHook",
        by_epoch=False,
        interval=-1,
        save_last=True,
        save_optimizer=False,  # the demo never resumes
        filename_tmpl="weights.pth",  # one name however many iterations, for the trainings that start from it
    ),
)
val_cfg = test_cfg = dict()
