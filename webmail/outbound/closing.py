"""The end of this process: whoever sends looks here before anything new is begun.

It knows no letter and no line, so that everybody may ask it.
"""

import threading

# Set once, when the process is told to end: no further letter is begun, no further host is tried.
closing = threading.Event()
