"""Trained networks on images of any folder: what they find, drawn and written, and their features.

In the order in which to read the files:

- ``source``: which model is meant: the folder of a run, or a config and a checkpoint.
- ``pipeline``: the test pipeline of a config, on images without labels.
- ``model``: a model from its config and checkpoint, whole or not at all.
- ``masks``: masks of instances in any form.
- ``drawing``: boxes, masks, label maps and classes on a picture.
- ``results``: all that was found, as COCO's format, label maps or classes.
- ``tiles``: detection in large images, tile by tile.
- ``out_folder``: the folder that a command writes into.
- ``run``: whole folders, for ``cnxv2 predict``.
- ``statistics``: the mean and standard deviation of a network's images.
- ``embedding``: features of whole images, for ``cnxv2 embed``.
- ``neighbours``: which images are alike by their features.
- ``table``: features as files.
"""
