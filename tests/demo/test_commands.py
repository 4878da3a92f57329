import io

import pytest

from cnxv2_mm import __version__, command_line
from demo.commands import CommandFailed, run_command


def test_the_user_sees_the_command_and_what_it_prints(capfd):
    out = io.StringIO()
    assert run_command(["--version"], command_line.console(file=out)) > 0
    assert "$ cnxv2 --version" in out.getvalue()
    assert capfd.readouterr().out == f"cnxv2_mm {__version__}\n"


def test_a_command_that_fails_ends_it(capfd):
    with pytest.raises(CommandFailed, match="cnxv2 'no such'\nended with status 2"):
        run_command(["no such"], command_line.console(file=io.StringIO()))
    assert "'no such' is unknown" in capfd.readouterr().err
