"""What the names of images and of label maps may end in."""

# What OpenCV reads, by which the libraries load images; in lower case.
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".gif", ".jp2")
# JPEG and WebP change numbers, so that no label map is one.
LABEL_MAP_ENDINGS = (".png", ".bmp", ".tif", ".tiff", ".pgm", ".gif")
