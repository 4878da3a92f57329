"""What CONTRIBUTING.md names is there: files, make targets, versions, and the names in its walks."""

import re

from tests.test_structure import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
FOLDERS = ("cnxv2_mm", "tests", "configs", "tools", "docs", "benchmarks", "demo", "examples", "requirements")


def test_every_path_exists():
    paths = re.findall(rf"`(?:python )?((?:{'|'.join(FOLDERS)})/[\w./-]*)`", PAGE)
    assert len(paths) > 60
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_make_target_exists():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z-]+)", PAGE, flags=re.MULTILINE)
    assert len(named) > 6
    assert set(named) <= set(targets)


def test_the_table_of_versions_is_what_is_pinned():
    for name in ("requirements.txt", "requirements/original.txt"):
        for line in (ROOT / name).read_text().splitlines():
            package, _, version = line.partition("==")
            if package.startswith(("torch", "mm", "onedl")):
                assert version in PAGE, f"{line} of {name} is not in CONTRIBUTING.md"


def test_the_walks_name_what_the_package_defines():
    walks = PAGE.split("### A detector's forward pass")[1].split("## Where do I change")[0]
    code = "\n".join(path.read_text() for path in (ROOT / "cnxv2_mm").rglob("*.py"))
    names = re.findall(r"`([A-Za-z_][\w.]*)`", walks)
    assert len(names) > 10
    for name in names:
        for part in name.split("."):
            assert re.search(rf"\b(?:class|def) {part}\b|\b{part}: ", code), name
