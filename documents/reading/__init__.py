"""Reading files: bytes that somebody sent become pages of text, in a child process that can harm only its own job.

`reader.py` is the side of the worker, `nursery.py` and `confine.py` that of the child, `frames.py` and `pages.py` what
both agree on, `formats/` one module per format. Nothing below this package knows Django, so that a child is small.
"""
