"""What a resumed run refuses to change."""

import pytest

from cnxv2_mm.recipes.pretraining.request import Request


def test_options_that_differ_are_named_and_those_not_given_are_not_asked(tmp_path):
    Request("/images", arch="atto", epochs=4).write(tmp_path)
    Request("/images").check_same(tmp_path)
    Request("/images", arch="atto", epochs=4).check_same(tmp_path)
    with pytest.raises(ValueError, match=r"--arch is tiny, and was atto; --size is 96, and was not given\.") as error:
        Request("/images", arch="tiny", size=96).check_same(tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="FOLDER is /others, and was /images"):
        Request("/others").check_same(tmp_path)


def test_a_folder_without_a_request_is_not_compared(tmp_path):
    Request("/images", arch="tiny").check_same(tmp_path)
