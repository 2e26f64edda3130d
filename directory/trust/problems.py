"""What can be wrong with a certificate, in words that pages, logs and SMTP replies share.

It knows no certificate, so that every other file of this package can raise the same error.
"""

from enum import StrEnum


class Problem(StrEnum):
    MISSING = "missing"
    MALFORMED = "malformed"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_USAGE = "wrong_usage"
    REVOKED = "revoked"
    STATUS_UNKNOWN = "status_unknown"


class CertificateError(Exception):
    """A certificate is refused. ``transient`` says that *we* could not tell, so the peer may come
    again.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem

    @property
    def transient(self) -> bool:
        return self.problem is Problem.STATUS_UNKNOWN
