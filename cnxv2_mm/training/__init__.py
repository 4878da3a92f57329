"""A run of training or testing, from its command to its checkpoints.

The files, in the order to read them. From the command to a runner:

- ``options.py``: the options that training and testing share, and what they change in a config
- ``auto_scale_lr.py``: ``--auto-scale-lr``, learning rates for another number of images per step
- ``mixed_precision.py``: ``--amp``, on the CPU too; and outputs that stay in float32
- ``testing.py``: augmentation at test time, pictures and files of the predictions
- ``cpu_processes.py``: several processes on a machine without a GPU
- ``runner.py``: a run from its config to its end, with the checks below

What a config may name:

- ``layer_decay.py``: a learning rate for each layer, and which parameters have no weight decay
- ``fused_step.py``: the optimiser's fused step, which outlasts the loading of an older state
- ``warmup_cosine.py``: a learning-rate schedule for a training of any length
- ``matmul_precision.py``: how exactly a GPU multiplies matrices of float32
- ``compiling.py``: ``torch.compile`` of the forward pass, or of each block
- ``fsdp.py``: fully sharded training, whose checkpoints load anywhere

What is checked before and during a run:

- ``data_check/``: the data: folders, COCO files, label maps, and every sample when it is loaded
- ``loaded_weights.py``: how much of a model a checkpoint fills
- ``finite_check.py``: a loss that is not finite ends the training
- ``first_nonfinite.py``: which module was the first whose output is not finite
- ``nonfinite_report.py``: the report of such an end: the step, the module, the files of the batch
- ``random_state.py``: random numbers that nothing behind can tell were drawn

What a pre-training shows of itself:

- ``monitoring/``: held-out images, what is painted, the health of the features, throughput

What makes an interrupted run go on:

- ``saving.py``: a checkpoint is whole, or it is not there
- ``resuming.py``: which checkpoint a run goes on from
- ``seeding.py``: random numbers depend on the seed and the step alone
"""
