"""Warnings are found in the log that mmengine's own logger writes."""

from pathlib import Path

from mmengine.logging import MMLogger

from cnxv2_mm.run_report.log_messages import LogMessages
from cnxv2_mm.run_report.run_folders import RunFolders

TIME = "20260101_000000"


def test_warnings_of_a_log(tmp_path):
    (tmp_path / TIME).mkdir()
    path = tmp_path / TIME / f"{TIME}.log"
    logger = MMLogger(name=str(tmp_path), log_file=str(path))
    messages = LogMessages(RunFolders(tmp_path, TIME, 0))
    assert messages.read() == []
    logger.info("nothing of interest - WARNING - in a text")
    logger.warning("first <b> - of two\nwith a second line")
    logger.error("an error")
    logger.warning('"FileClient" will be deprecated in future.')
    for handler in logger.handlers:
        handler.flush()
    with path.open("a") as log:  # within a process mmengine logs a warning once
        log.write(next(line for line in path.read_text().splitlines() if "first <b>" in line) + "\n")
    found = messages.read()
    assert [(m.level, m.text, m.count) for m in found] == [
        ("ERROR", "an error", 1),
        ("WARNING", "first <b> - of two", 2),
    ]
    logger.warning("a new one")
    for handler in logger.handlers:
        handler.flush()
        handler.close()
    assert [m.text for m in messages.read()] == ["an error", "first <b> - of two", "a new one"]
    day = path.read_text()[:10]
    assert all(m.time.startswith(day) for m in found)


def test_warnings_of_a_real_run_are_none(pretraining):
    folders = RunFolders(Path(pretraining.run.work_dir), pretraining.run.timestamp, 0)
    assert LogMessages(folders).read() == []
    assert "warnings in the log" not in pretraining.page
