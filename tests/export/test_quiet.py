import logging
import sys
import warnings

import pytest

from cnxv2_mm.export.quiet import quiet


def test_only_errors_come_through(capsys, caplog):
    caplog.set_level(logging.WARNING, logger="onnxscript")
    with quiet():
        print("Step 1 of 3 ...")
        print("progress", file=sys.stderr)
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
        logging.getLogger("onnxscript").warning("cannot fold")
        logging.getLogger("onnxscript").error("broken")
    assert capsys.readouterr() == ("", "")
    assert [record.message for record in caplog.records] == ["broken"]
    logging.getLogger("onnxscript").warning("after")
    assert caplog.records[-1].message == "after"


def test_an_error_is_raised_and_all_is_as_before():
    with pytest.raises(KeyError), quiet():
        raise KeyError
    assert logging.root.manager.disable == 0
