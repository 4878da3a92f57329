"""``cnxv2 pretrain``: from a folder of images to a pre-trained encoder.

The files in reading order:

- ``image_list.py``: the files that say which images are used and which are left out, and whether folders are classes
- ``start.py``: a random start, or published weights and their licence
- ``normalisation.py``: mean and standard deviation: the weights', ImageNet's or those of the images
- ``schedule.py``: size of images, batch size, epochs and learning rate
- ``config_file.py``: the config
- ``request.py``: what the user asked for, and what a resumed run must not change
- ``measures.py``: what was measured on the held-out images
- ``encoder.py``: the encoder as a file, in our names and in those of other libraries
- ``model_card.py``: the model card
- ``prepare.py``: all that happens before the first step
- ``pretrain.py``: all of it in order
"""
