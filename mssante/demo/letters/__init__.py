"""A few weeks of mail between two care teams and their correspondents; patients are invented."""

from mssante.demo.letters.drafts import DRAFTS
from mssante.demo.letters.hospital import HOSPITAL_LETTERS
from mssante.demo.letters.practice import PRACTICE_LETTERS
from mssante.demo.letters.requests import REQUEST_LETTERS
from mssante.demo.letters.results import RESULT_LETTERS
from mssante.demo.letters.shared import SHARED_LETTERS

__all__ = ["DRAFTS", "LETTERS"]

LETTERS = (
    *SHARED_LETTERS,
    *REQUEST_LETTERS,
    *HOSPITAL_LETTERS,
    *PRACTICE_LETTERS,
    *RESULT_LETTERS,
)
