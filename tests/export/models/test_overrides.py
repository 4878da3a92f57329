"""Objects with methods of their own are refused, wherever the method comes from."""

import pytest

from cnxv2_mm.export.models.overrides import method, refuse_overrides


class Head:
    def predict(self):
        return 1

    def decode(self):
        return 2


class Heir(Head):
    pass


class Own(Head):
    def predict(self):
        return 3


def test_methods_are_the_same_where_they_are_inherited():
    assert method(Heir(), "predict") is Head.predict
    assert method(Own(), "predict") is Own.predict
    assert method(Own(), "absent") is None
    refuse_overrides(Heir(), Head, "predict", "decode")


def test_a_method_of_a_subclass_is_refused_by_name():
    with pytest.raises(ValueError, match="Own cannot be exported: its predict is not that of Head") as caught:
        refuse_overrides(Own(), Head, "decode", "predict")
    assert "\n" not in str(caught.value)


def test_a_method_that_was_replaced_on_the_object_is_refused():
    head = Head()
    head.decode = lambda: 4
    with pytest.raises(ValueError, match="its decode is not that of Head"):
        refuse_overrides(head, Head, "decode")


def test_an_object_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="int cannot be exported: its predict is not that of Head"):
        refuse_overrides(3, Head, "predict")
