"""The practice's sending side as a driver: letters with a number, sent again until somebody answers
250, and its own record of what was answered.
"""

import contextlib
import hashlib

from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.peers.wire import Wire


class Driver:
    """``record``: Message-ID → digest of each letter that was answered 250; ``replies``: every
    answer to a letter or to what came before it.
    """

    def __init__(self, port, context):
        self.port, self._context = port, context
        self.record, self.replies = {}, []

    def send(self, name, *, text="Bonjour.", size=0):
        """One attempt; the answer that settled it, empty when the line broke."""
        raw = letter_of(name, text=text, size=size)
        answer = ""
        with contextlib.suppress(OSError), Wire(self.port) as wire:
            answer = self._say(wire.introduce(self._context), raw)
        self.replies.append(answer)
        if answer.startswith("250"):
            self.record[f"{name}@cabinet-tilleuls.mssante.example"] = hashlib.sha256(
                raw
            ).hexdigest()
        return answer

    def open(self):
        """A line as far as before MAIL."""
        return Wire(self.port).introduce(self._context)

    def is_kept(self, letters):
        """Whether each letter that was answered 250 lies in the box, once and as it was sent."""
        return sorted(map(tuple, letters)) == sorted(self.record.items())

    def _say(self, wire, raw):
        for line in (f"MAIL FROM:<{PETIT}>", f"RCPT TO:<{MARTIN}>", "DATA"):
            answer = wire.say(line)
            if not answer.startswith(("250", "354")):
                return answer
        wire.send(raw + b".\r\n")
        return wire.last()


def letter_of(name, *, text="Bonjour.", size=0):
    """A letter without a line that begins with a dot; larger than ``size`` bytes."""
    message_id = f"{name}@cabinet-tilleuls.mssante.example"
    lines = "".join(f"{'x' * 70}\n" for _ in range(size // 70))
    return make_letter(text=f"{text}\n{lines}", message_id=message_id, subject=f"Lettre {name}")
