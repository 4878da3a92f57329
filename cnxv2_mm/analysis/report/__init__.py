"""What `cnxv2 analyze` does: several checkpoints and a folder of images become numbers, plots and a page.

The files in reading order:

- ``network.py``: from a checkpoint to the network in it
- ``images.py``: which images of a folder are measured, and how they are read
- ``pictures.py``: channel maps and reconstructions, as arrays
- ``layers.py``: what happens in each block while images run through a network
- ``measure.py``: all measures of one network, in one pass over the images
- ``results.py``: the numbers as a table, as JSON and as CSV
- ``plots.py``: the plots
- ``page.py``: one HTML page that needs no other file
"""
