from cnxv2_mm.zoo import SOURCES, TRAININGS, WEIGHTS
from cnxv2_mm.zoo.table import TIMM_NAMES


def test_the_table_is_all_rows_by_name():
    assert all(weight.name == name for name, weight in WEIGHTS.items())
    assert len(WEIGHTS) == 26 + 66 + 4
    assert {weight.training for weight in WEIGHTS.values()} == set(TRAININGS)
    assert {source for weight in WEIGHTS.values() for source in weight.files} == set(SOURCES)


def test_names_of_timm_are_no_second_rows():
    assert len(TIMM_NAMES) == 26
    assert not TIMM_NAMES.keys() & WEIGHTS.keys()
    assert TIMM_NAMES["convnextv2_nano.fcmae_ft_in22k_in1k_384"] is WEIGHTS["convnextv2_nano_in22k_in1k_384"]


def test_no_two_files_have_the_same_name_here():
    files = [file for weight in WEIGHTS.values() for file in weight.files.values()]
    assert len({file.name for file in files}) == len({file.address for file in files}) == len(files)
