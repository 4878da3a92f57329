"""The files that are there are listed, with the sizes that the system tells."""

from pathlib import Path

from cnxv2_mm.run_report.files_of_run import files_of_run
from cnxv2_mm.run_report.run_folders import RunFolders


def names(files, folder):
    return [file.path.relative_to(folder).as_posix() for file in files]


def test_of_a_real_run(pretraining):
    run = pretraining.run
    folders = RunFolders(Path(run.work_dir), run.timestamp, 0)
    files = files_of_run(pretraining.folder, folders, Path(run.cfg.filename).name)
    time = run.timestamp
    assert names(files, pretraining.folder) == [
        "epoch_2.pth",
        Path(run.cfg.filename).name,
        f"{time}/{time}.log",
        f"{time}/vis_data/scalars.json",
        f"{time}/vis_data/vis_image",
    ]
    assert [file.size for file in files[:-1]] == [file.path.stat().st_size for file in files[:-1]]
    assert files[-1].size is None


def test_of_a_recipe(tmp_path):
    for name in ("encoder.safetensors", "README.md", "config.py", "settings.json", "data/images.txt", "run/best_a.pth"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    files = files_of_run(tmp_path, RunFolders(tmp_path / "run", "20260101_000000", 0), None)
    expected = ["encoder.safetensors", "README.md", "run/best_a.pth", "config.py", "data", "settings.json"]
    assert names(files, tmp_path) == expected
