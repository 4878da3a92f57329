"""Sums by name."""

from benchmarks.traffic.count import Count, Entry


def test_calls_of_the_same_name_are_added():
    count = Count()
    for name, size, launches in (("add", 8, 1), ("mm", 100, 1), ("add", 4, 2)):
        count.add(name, size, launches)
    assert count.entries == {"add": Entry(12, 3), "mm": Entry(100, 1)}
    assert (count.bytes, count.launches) == (112, 4)
    assert count.largest(1) == [("mm", Entry(100, 1))]


def test_own_calls():
    count = Count()
    count.add_own_call("a")
    count.add_own_call("a")
    assert count.own_calls == {"a": 2}
