"""Config files: loading them, what is wrong with them, and what their entries name.

- ``load.py``: loads a file, or a config that an installed library ships, with the command line's changes
- ``check.py``: finds mistakes in a file: where reading stopped, its generation, misspelt names
- ``entry.py``: the name of the class that an entry of a config builds
- ``literal.py``: values as Python code
- ``build.py``: builds a model from its config without numbers
"""
