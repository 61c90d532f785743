"""A conversation as a PDF. `making` starts the program that sets it; everything else here runs only in that program."""
