"""Images from files to a batch on the device.

- ``formats.py``: which files are images, by their endings and by their first bytes
- ``read.py``: one image file as a tensor
"""

from cnxv2_mm.images.formats import find_images
from cnxv2_mm.images.read import read_image

__all__ = ["find_images", "read_image"]
