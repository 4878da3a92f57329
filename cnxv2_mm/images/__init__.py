"""Images from files to a batch on the device.

- ``formats.py``: which files are images, by their endings and by their first bytes
- ``read.py``: one image file as a tensor
- ``channel_statistics.py``: mean and standard deviation over many images
- ``survey.py``: what is in a folder: every file opened, before a training starts
"""

from cnxv2_mm.images.formats import find_images
from cnxv2_mm.images.read import read_image

__all__ = ["find_images", "read_image"]
