"""Classifiers learn, and are measured, on images that anybody can tell apart."""

from dataclasses import replace

import torch

from benchmarks.evidence.classification import Classifier, accuracy, train_classifier
from benchmarks.evidence.fashion import enlarge_images
from benchmarks.evidence.pretraining import build_encoder
from tests.benchmarks.evidence.examples import TINY, digits


def black_and_white(number=60):
    labels = torch.arange(number) % 2
    return (labels.view(-1, 1, 1) * 255).expand(-1, 28, 28).byte(), labels


def test_a_classifier_learns_and_the_encoder_with_it():
    encoder = build_encoder({}, TINY)
    before = encoder.stages[0][0].pwconv1.weight.clone()
    seen = []
    settings = replace(TINY, moments=(0.0, 0.5, 1.0))
    part = black_and_white()
    model = train_classifier(encoder, part, 0, 30, 3e-3, settings, lambda moment, _: seen.append(moment))
    assert accuracy(model, part, TINY.image_size) == 1
    assert model.encoder is encoder
    assert not encoder.stages[0][0].pwconv1.weight.equal(before)
    assert seen == [0, 0.5, 1]


def test_accuracy_counts_what_is_right():
    torch.manual_seed(1)
    model = Classifier(build_encoder({}, TINY)).eval()
    torch.nn.init.normal_(model.head.weight)
    images, labels = digits(150)
    with torch.no_grad():
        one_by_one = [model(enlarge_images(image[None], 64)).argmax().item() for image in images[:120]]
    right = sum(a == b for a, b in zip(one_by_one, labels[:120].tolist(), strict=True))
    assert accuracy(model, (images[:120], labels[:120]), 64) == right / 120
