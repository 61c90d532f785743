"""What nobody sees, and what changes how the rest is seen."""

# For between the brackets of a pattern: control characters, other ends of lines, and what turns the words round it.
UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"

# In code: as above without what lays text out, and with blanks of other widths than a blank, letters that are empty,
# and tags, of which whole sentences are made that only machines read. What joins letters and pictures stays, since
# without it other signs are seen.
IN_CODE = (
    r"\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u2000-\u200b\u200e\u200f"
    r"\u2028-\u202f\u205f-\u2064\u2066-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f"
)
