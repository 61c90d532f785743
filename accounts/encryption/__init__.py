"""What lies on disk lies encrypted: a key for each person outside the database, sealed columns, sealed files.

`keys` keeps and erases keys, `sealing` and `files` turn bytes into sealed bytes and back, `fields` makes columns of
models of it. docs/security.md says what is sealed and what is not. `sealing` and `files` know nothing of Django, so
that a confined child can use them.
"""
