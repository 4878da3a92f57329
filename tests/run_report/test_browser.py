"""The pages of two real trainings in Chromium: ``make test-browser``."""

import pytest

from cnxv2_mm.training.runner import build_runner
from tests.configs.images import write_coco
from tests.run_report import runs
from tests.run_report.browser import Browser
from tests.run_report.conftest import ODD

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


@pytest.fixture(scope="module")
def pages(pretraining, tmp_path_factory):
    """Of a pre-training, of a detector, and of a run that is not finished, as its last page would lie around."""
    folder = tmp_path_factory.mktemp("detector") / f"detector {ODD}"
    write_coco(folder)
    hooks = [{"type": "cnxv2_mm.PredictionSheetHook"}, runs.PAGE]
    run = build_runner(runs.task("mask_rcnn", folder, hooks))
    run.train()
    hook = next(hook for hook in run.hooks if type(hook).__name__ == "ReportPageHook")
    hook.page, hook._kind = str(folder / "running.html"), "running"
    hook.write(run)
    return {
        "pretraining": (pretraining.folder / "report.html", 7),
        "detector": (folder / "run" / "report.html", 7),
        "running": (folder / "running.html", 7),
    }


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["pretraining", "detector", "running"])
def test_a_page(browser, pages, tmp_path, name, width, dark):
    page, pictures = pages[name]
    browser.show(page, width, dark)
    sizes = browser.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => [i.naturalWidth, i.clientWidth])))"
    )
    assert len(sizes) == pictures
    assert all(natural > 0 and shown > 0 for natural, shown in sizes)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("innerWidth") == width
    assert browser.complaints == []  # nothing on the console, and no request to anywhere
    browser.photograph(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_a_page_says_that_it_is_old(browser, pages):
    page, _ = pages["running"]
    browser.show(page, 390)
    assert browser.evaluate("document.querySelector('.state').textContent") == "running"
    assert browser.evaluate("document.getElementById('late').offsetHeight") == 0
    written = browser.evaluate("document.scripts[0].textContent.match(/written = (\\d+)/)[1]")
    old = page.with_name("old.html")
    old.write_text(page.read_text().replace(written, str(int(written) - 3_600_000)))
    browser.show(old, 390)
    assert browser.evaluate("document.querySelector('.state').textContent") == "no news"
    assert browser.evaluate("document.getElementById('late').offsetHeight") > 0
    assert browser.evaluate("document.getElementById('age').textContent") == "(60 min ago)"
    assert browser.complaints == []
