"""Labelled data as users have it: found, checked and written down before a training starts.

The files in reading order:

- ``image_files.py``: is each image there, can it be read, how large is it
- ``hold_out.py``: a fifth of each class for validation, where data comes in one piece
- ``coco_files.py``: where a folder has its COCO files, and the images that they name
- ``coco_masks.py``: which masks can be read
- ``coco_part.py``: one COCO file: what of it can be used
- ``coco_categories.py``: the same categories for training and validation
- ``coco.py``: the data set of a detector
"""
