"""What our HTML pages are made of. A page is one file that needs no other and no network: pictures are inside as data.

- ``frame.py``: a whole page around its body, and the style
- ``elements.py``: tables and figures
- ``plot_file.py``: a drawing of matplotlib as SVG or PNG
"""
