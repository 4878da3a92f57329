"""Runs the config of a run folder exactly as ``cnxv2 train`` does, with less on the terminal."""

import argparse

from mmengine.runner import Runner

from cnxv2_mm.config.check import check_names, check_optimizer
from cnxv2_mm.config.load import load_config
from cnxv2_mm.recipes.progress import TerminalRunner
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.run_report.report_page import ReportPageHook
from cnxv2_mm.training.options import add_common_arguments, set_run
from cnxv2_mm.training.runner import train


def run_config_file(folder: RunFolder, *, resume: bool = False) -> Runner:
    """Train by ``config.py`` of a run folder, into its working folder. The log is in a file there.

    Args:
        folder: The run folder.
        resume: Whether to go on from the last checkpoint; without one, the training starts from the beginning.

    Returns:
        The runner, after the training.

    Raises:
        ValueError: The config has a mistake, or the data cannot be used; see :func:`cnxv2_mm.training.runner.train`.
    """
    parser = argparse.ArgumentParser()
    add_common_arguments(parser)
    args = parser.parse_args([str(folder.config), "--work-dir", str(folder.work)])
    config = load_config(args.config)
    check_names(config)
    check_optimizer(config)
    set_run(config, args)
    return train(config, resume="auto" if resume else None, runner_class=TerminalRunner)


def refresh_page(runner: Runner) -> None:
    """Write the page of a training once more, with the files that a recipe has added at the end.

    Args:
        runner: The runner, after the training.
    """
    for hook in runner.hooks:
        if isinstance(hook, ReportPageHook):
            hook.write(runner)
