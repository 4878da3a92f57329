"""``make gpu``: everything that is to be measured on a GPU, in ten minutes, into one folder named after the card.

- ``__main__.py``: the command: which steps, where to
- ``steps.py``: the steps in the order of their worth, each a command with a time limit
- ``running.py``: runs a step, ends it at its limit, keeps what it printed
- ``environment.py``: the card, the driver and the versions
- ``compile_ahead.py``: compiles what later steps run, all at the same time
- ``training_step.py``: a step that never waits for the device, and one that gives the same numbers twice
- ``kernels.py``: kernels one by one against PyTorch's; the cases are in ``depthwise_cases.py`` and ``mlp_cases.py``
- ``kernel_timing.py``: the time of one call on the device, and the row that it becomes
- ``training_run.py``: ``tools/train.py`` on images that are made up

The command itself needs Python alone; what a step needs is the step's matter.
"""
