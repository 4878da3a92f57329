"""The log of a run in two parts, the first of which was killed while it wrote."""

from cnxv2_mm.recipes.logged_numbers import logged_numbers


def test_lines_come_in_their_order_but_for_one_that_was_cut_short(tmp_path):
    texts = {"20260102_000000": '{"step": 3}\n', "20260101_000000": '{"step": 1}\n\n{"step": 2}\n{"step": 3, "lo'}
    for run, text in texts.items():
        file = tmp_path / run / "vis_data" / "scalars.json"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    assert [numbers["step"] for numbers in logged_numbers(tmp_path)] == [1, 2, 3]
