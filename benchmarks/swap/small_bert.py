"""A BERT for models that read one from Hugging Face: as wide as theirs, but of one layer, random, with few words."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

# What the made-up objects are called.
WORDS = ("person", "bicycle", "car", "bus", "cat", "dog", "horse", "chair")


def small_bert() -> str:
    """Return the folder of the BERT, which stands for 'bert-base-uncased'; it is there until the process ends."""
    return _write().name


@cache
def _write() -> TemporaryDirectory:
    from transformers import BertConfig, BertModel, BertTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz"
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?")
    vocabulary = [*special, *WORDS, *letters, *(f"##{letter}" for letter in letters)]
    folder = TemporaryDirectory(prefix="small-bert-")
    file = Path(folder.name) / "vocab.txt"
    file.write_text("\n".join(vocabulary))
    BertTokenizer(str(file)).save_pretrained(folder.name)
    config = BertConfig(vocab_size=len(vocabulary), num_hidden_layers=1, intermediate_size=768)
    BertModel(config).save_pretrained(folder.name)
    return folder
