"""At most two key derivations at a time: each takes a processor and up to 512 MiB.

The queue is so short that whoever waits in it, together with those who log in (`models.people`),
leaves threads of the server to everybody else; a test holds the numbers together.
"""

from ..models.turns import Turns
from .errors import TooBusy

AT_ONCE = 2
MAX_WAITING = 6
key_derivation = Turns(AT_ONCE, MAX_WAITING, TooBusy).turn
