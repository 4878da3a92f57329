"""The small BERT is read by transformers as the large one is."""

from pathlib import Path

import torch

from benchmarks.processes import map_in_processes
from benchmarks.swap.small_bert import WORDS, small_bert


def test_it_reads_the_words_and_gives_vectors_of_the_usual_width():
    from transformers import BertModel, BertTokenizer

    tokenizer, model = BertTokenizer.from_pretrained(small_bert()), BertModel.from_pretrained(small_bert())
    tokens = tokenizer(". ".join(WORDS), return_tensors="pt")
    assert tokenizer.unk_token_id not in tokens["input_ids"]
    with torch.no_grad():
        assert model(**tokens).last_hidden_state.shape == (1, tokens["input_ids"].numel(), 768)
    assert small_bert() == small_bert()


def make(item):
    return small_bert()


def test_it_is_gone_when_the_walk_is():
    ((_, folder, _),) = map_in_processes(make, [0], processes=1, chunk=9, limit=60)
    assert "small-bert-" in folder
    assert not Path(folder).exists()
