"""requirements/original.txt leaves transformers out, since the original mmpretrain cannot be imported beside it."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("transformers") else ["test_hugging_face.py"]
