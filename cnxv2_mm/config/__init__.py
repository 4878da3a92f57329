"""Config files: loading them, and what is wrong with them.

- ``load.py``: a file, or one that an installed library ships, with the command line's changes
- ``check.py``: its line, its generation, misspelt names
"""
