import io
import json

import torch

from cnxv2_mm import __version__, command_line
from cnxv2_mm.machine import this_machine
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import Setting, print_settings, write_settings

SETTINGS = [Setting("batch size", "16", "fits the memory"), Setting("images", "/data/[red]", "FOLDER")]


def test_the_table_has_every_word():
    out = io.StringIO()
    print_settings(command_line.console(file=out, width=80), SETTINGS)
    for setting in SETTINGS:
        line = next(line for line in out.getvalue().splitlines() if line.startswith(setting.name))
        assert line.split("  ")[0] == setting.name
        assert setting.value in line
        assert setting.why in line


def test_the_file_says_it_all_and_marks_the_folder(tmp_path):
    folder = RunFolder(tmp_path)
    write_settings(folder, "pretrain", "cnxv2 pretrain Bäume", SETTINGS, ["cnxv2 embed x"])
    content = json.loads(folder.settings.read_text())
    assert folder.holds_run
    assert content["task"] == "pretrain"
    assert content["command"] == "cnxv2 pretrain Bäume"
    assert content["settings"][1] == {"name": "images", "value": "/data/[red]", "why": "FOLDER"}
    assert content["machine"] == {"machine": str(this_machine())}
    assert content["versions"]["torch"] == torch.__version__
    assert content["versions"]["cnxv2_mm"] == __version__
    assert content["next"] == ["cnxv2 embed x"]
