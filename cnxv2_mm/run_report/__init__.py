"""The page of a training, ``report.html``, which is written again and again while it runs; ``docs/report.md`` reads it.

Numbers, pictures and warnings are read from the files that mmengine writes, so that a resumed run shows all of them.

- ``growing_file.py``: what has been added to a file since it was read last
- ``run_folders.py``: the folders of a run and of those that it goes on from
- ``history.py``: the numbers of all of them, by step
- ``log_messages.py``: the warnings and errors in their logs
- ``sheets.py``: the first and the last picture of each kind
- ``settings_file.py``: what the recipe chose, and why
- ``facts.py``: what is trained, on what data, on which machine
- ``state.py``: whether it runs, how far it is, and how it ended
- ``measures.py``: which numbers are shown together, and how to read them
- ``charts.py``: curves from the numbers
- ``plots.py``: curves as drawings
- ``numbers_as_text.py``: numbers, sizes and times for people
- ``what_next.py``: the commands that come next
- ``files_of_run.py``: the files that the run has written
- ``style.py``: how the page looks, on a screen, a telephone and paper
- ``page.py``: the page
- ``report_page.py``: the hook that writes it
- ``prediction_sheet.py``: the hook that draws what a model finds in the first images of the validation
"""
