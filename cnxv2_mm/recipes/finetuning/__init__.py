"""From labelled data to a model: what ``cnxv2 finetune`` does.

The files in reading order:

- ``start.py``: the network and the weights to start from
- ``rates.py``: learning rates by the width of the network
- ``task.py``: what a task says of itself, and the plan that it makes for its data
- ``detector_sizes.py``, ``detection.py``: the task 'detect'
- ``segmenter_sizes.py``, ``segmentation.py``: the task 'segment'
- ``classification.py``: the task 'classify'
- ``tasks.py``: the tasks by name
- ``batch.py``: how many images a step has
- ``schedule.py``: how long the training is
- ``config_file.py``: the config
- ``quiet_coco.py``: pycocotools without its prints
- ``results.py``: the best weights and scores
- ``model_card.py``: the model card
- ``finetune.py``: all of it, in order
"""
