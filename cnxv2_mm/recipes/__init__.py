"""From a folder of data to a training: what ``cnxv2 pretrain`` and ``cnxv2 finetune`` decide for their user.

Whatever they decide is a line in an ordinary config, which ``cnxv2 train`` runs to the same numbers. The files in
reading order:

- ``run_folder.py``: the files of a run, and whether a folder may take a new one
- ``duration.py``: ``2h`` as seconds, and back
- ``trial.py``: a few steps of a training, which say how long a step takes and what it needs
- ``settings.py``: what was decided and why, as a table and as a file
- ``licence.py``: the licence of the weights that a training starts from
- ``write_config.py``: the text of the config
- ``quiet_import.py``: imports a library without its prints
- ``data/``: labelled data, found, checked and written down
- ``finetuning/``: ``cnxv2 finetune``
- ``progress.py``: a training on the terminal
- ``logged_numbers.py``: the numbers that a run has logged
- ``model_card.py``: the form of a model card
- ``run.py``: runs it as ``cnxv2 train`` does
"""
