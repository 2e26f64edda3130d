"""What ``make lint`` and ``make test`` run: every check, in one place and one order."""
