"""Reading files: bytes that somebody sent become pages of text, in a child process that can harm only its own job.

`reader.py` is the side of the worker. `nursery.py` forks a `keeper.py`, which forks a `child.py`; `programs.py` runs
Tesseract for it. `confine.py` says what each gives up, `kernel/` how. `frames.py` and `pages.py` are what both sides
agree on, `formats/` has one module per format, `bounds/` what containers may hold. Nothing below this package knows
Django, so that a child is small.
"""
