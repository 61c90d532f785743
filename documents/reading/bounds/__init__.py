"""How far a container may go before it is refused: archives, XML, pictures.

The process that reads is bounded whatever it meets; here the person is told what is wrong, and a file with one bad part
keeps its good ones. Pure: bytes in, parts or a DocumentError out.
"""

from typing import Final

NESTED: Final = "The parts of this file are nested too deeply to be read."
