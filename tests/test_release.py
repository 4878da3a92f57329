"""What a release says of itself agrees: its version, how to cite it, and which checks run before and after a commit."""

import re

import pytest
import yaml

from cnxv2_mm.version import __version__
from tests.test_structure import ROOT


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text())


def test_the_version_is_the_same_everywhere():
    (number, date), *_ = re.findall(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert number == read("CITATION.cff")["version"] == __version__
    assert date == str(read("CITATION.cff")["date-released"])


def test_the_citation_has_what_the_format_requires():
    """Citation File Format 1.2.0: https://github.com/citation-file-format/citation-file-format, schema-guide.md."""
    software = read("CITATION.cff")
    paper = software["preferred-citation"]
    assert {"cff-version", "message", "title", "authors"} <= software.keys()
    assert {"type", "title", "authors"} <= paper.keys()
    assert (software["cff-version"], software["type"], paper["type"]) == ("1.2.0", "software", "conference-paper")
    assert [author["family-names"] for author in paper["authors"]] == [
        "Woo",
        "Debnath",
        "Hu",
        "Chen",
        "Liu",
        "Kweon",
        "Xie",
    ]
    assert (paper["year"], paper["url"]) == (2023, "https://arxiv.org/abs/2301.00808")


def test_the_hooks_before_a_commit_are_the_checks_of_make_lint():
    recipe = re.search(r"^lint: install\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)[1]
    checks = re.findall(r"-m (ruff check|ruff format|mypy|codespell_lib)", recipe)
    assert len(checks) == len(recipe.splitlines())
    (hooks,) = [repository["hooks"] for repository in read(".pre-commit-config.yaml")["repos"]]
    assert [re.search(r"-m (ruff \w+|\w+)", hook["entry"])[1] for hook in hooks] == checks


@pytest.mark.parametrize("job", ["suite", "lowest"])
def test_continuous_integration_runs_what_a_developer_runs(job):
    job = read(".github/workflows/ci.yml")["jobs"][job]
    (command,) = [step["run"] for step in job["steps"] if "run" in step]
    if command.startswith("make "):
        assert re.search(rf"^{command[5:]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    else:
        assert (ROOT / command).stat().st_mode & 0o111
