"""A trained model on images of any folder: loading it, running it, and writing and drawing what it finds.

* ``drawing``: boxes, masks, label maps and classes on a picture
"""
