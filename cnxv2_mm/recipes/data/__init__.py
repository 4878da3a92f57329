"""Labelled data as users have it: found, checked and written down before a training starts.

The files in reading order:

- ``image_files.py``: is each image there, can it be read, how large is it
- ``hold_out.py``: a fifth of each class for validation, where data comes in one piece
- ``coco_files.py``: where a folder has its COCO files, and the images that they name
- ``coco_masks.py``: which masks can be read
- ``coco_part.py``: one COCO file: what of it can be used
- ``coco_categories.py``: the same categories for training and validation
- ``coco.py``: the data set of a detector
- ``endings.py``, ``file_lists.py``: which files are images; the lists that the libraries read
- ``copies.py``: images that are in training and in validation
- ``segmentation_tree.py``: where images and label maps lie, and which belong together
- ``kinds.py``: data that is meant for another task
- ``label_map_file.py``, ``label_map_classes.py``, ``class_names.py``: what label maps hold, and the names of it
- ``label_maps.py``: the data set of a segmenter
- ``class_folders.py``: the data set of a classifier
"""
