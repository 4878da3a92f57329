"""A run of training or testing, from its config to its checkpoints.

What a config names:

- ``layer_decay.py``: layer-wise learning rates and the no-decay rule
- ``warmup_cosine.py``: a learning-rate schedule for any length of training
- ``precision.py``: mixed precision, on the CPU too
- ``fsdp.py``: fully sharded training, with checkpoints like everyone else's
- ``finite_check.py``: a loss that is not finite ends the training, with the files of the batch

What the commands do before and around it:

- ``run.py``: from OpenMMLab's command-line options to a ``Runner``
- ``test_time.py``: augmentation at test time, and pictures of the predictions
- ``cpu_processes.py``: several processes without a GPU
- ``data_check/``: is the data there and sound: folders, COCO files, label maps, images
- ``sample_check.py``: a file that cannot be loaded, or has other channels than the model, is named
- ``loaded_weights.py``: how much of a model a checkpoint fills
- ``saving.py``: a checkpoint is whole or not there
- ``resuming.py``: which checkpoint a run goes on from
- ``seeding.py``: random numbers that follow from the seed and the step
"""
