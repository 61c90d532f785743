"""What nobody sees, and what changes how the rest is seen."""

# For between the brackets of a pattern: control characters, other ends of lines, and what turns the words round it.
UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"

# In code: as above without what lays text out, and with blanks that have no width. Those that join letters and pictures
# stay, since without them other signs are seen.
IN_CODE = r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff"
