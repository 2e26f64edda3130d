"""``python -m tests.check lint`` or ``all``. What passes through: one word, one exit status."""

import signal
import sys
from types import FrameType

from tests.check.lint import lint
from tests.check.steps import has_failed, say
from tests.check.suite import prove_everything


def main(words: list[str]) -> int:
    # As after Ctrl-C, whatever we started is stopped on the way out.
    signal.signal(signal.SIGTERM, _leave)
    match words:
        case ["lint"]:
            return int(has_failed(lint()))
        case ["all"]:
            return int(not prove_everything())
    say("usage: python -m tests.check lint|all")
    return 2


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
