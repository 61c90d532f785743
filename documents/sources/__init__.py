"""Where documents came from that an operator took in from a folder: which file is which document, and what is new."""
