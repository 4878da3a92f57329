"""What a pre-training shows of itself while it runs. Each hook is a line in a config; ``docs/pretrain.md`` reads them.

The numbers and pictures go to mmengine's visualizer, and so to every place that its ``vis_backends`` name. None of the
hooks changes the training: its losses are the same with and without them, bit by bit.

- ``held_out_sampler.py``: a sampler that keeps some images away from the training
- ``held_out_images.py``: these images, or those of the validation, with fixed masks
- ``undisturbed.py``: a measure leaves the training's modes, gradients and random numbers as they were
- ``periodic.py``: when the hooks below look at them
- ``show_picture.py``: a picture for every place that the visualizer writes to
- ``reconstruction_sheet.py``: a picture of what the model paints
- ``feature_probe.py``: loss, rank, cosine distance and k-NN of them
- ``collapse.py``: when features have collapsed
- ``throughput.py``: images per second, and memory where mmengine does not tell it
"""
