"""The demonstration's papers: whole files of their kinds, and always the same."""

import re
import struct
import zlib

import pytest

from mssante.demo.letters import DRAFTS, LETTERS
from mssante.demo.letters.documents import ECG_TESSIER, ECHO_VIEW, HOLTER, HOME_PRESSURE
from mssante.demo.papers import Paper, Picture, Sheet, file_of, pdf_of, png_of

DATE = "24 novembre 2026"
PAPERS = {paper.name: paper for letter in (*LETTERS, *DRAFTS) for paper in letter.papers}
SHEETS = [paper for paper in PAPERS.values() if isinstance(paper.content, Sheet)]


def streams_of(pdf):
    packed = re.findall(rb"stream\n(.*?)\nendstream", pdf, flags=re.DOTALL)
    return [zlib.decompress(one) for one in packed]


@pytest.mark.parametrize("paper", SHEETS, ids=[paper.name for paper in SHEETS])
def test_each_sheet_is_a_whole_pdf(paper):
    kind, pdf = file_of(paper, date=DATE)
    assert kind == "application/pdf"
    assert pdf.startswith(b"%PDF-1.4\n")
    assert pdf.endswith(b"%%EOF\n")
    start = int(re.findall(rb"startxref\n(\d+)\n", pdf)[-1])
    assert pdf[start:].startswith(b"xref\n")


@pytest.mark.parametrize("paper", SHEETS, ids=[paper.name for paper in SHEETS])
def test_each_entry_of_the_table_points_at_its_object(paper):
    pdf = file_of(paper, date=DATE)[1]
    offsets = re.findall(rb"(\d{10}) 00000 n ", pdf)
    for number, offset in enumerate(offsets, start=1):
        assert pdf[int(offset) :].startswith(f"{number} 0 obj\n".encode())


def test_accents_and_the_date_are_printed():
    page = streams_of(file_of(ECG_TESSIER, date=DATE)[1])[0].decode("cp1252")
    assert "Électrocardiogramme du 24 novembre 2026" in page
    assert "Document de démonstration" in page


def test_every_word_fits_the_fonts_of_the_pdf():
    for paper in SHEETS:
        for stream in streams_of(file_of(paper, date=DATE)[1]):
            assert b"?" not in stream


def test_brackets_and_backslashes_are_escaped():
    pdf = pdf_of(Sheet(("A (b) \\ c",), "Titre", "Patient"), date=DATE)
    assert rb"(A \(b\) \\ c) Tj" in streams_of(pdf)[0]


def test_a_long_sheet_goes_on_overleaf():
    body = tuple(f"Paragraphe {number}" for number in range(60))
    pdf = pdf_of(Sheet(("Service",), "Long", "Patient", body=body), date=DATE)
    pages = streams_of(pdf)
    assert len(pages) > 1
    assert f"/Count {len(pages)}".encode() in pdf
    assert b"Paragraphe 59" in pages[-1]


def test_an_electrocardiogram_is_drawn():
    with_trace = streams_of(file_of(ECG_TESSIER, date=DATE)[1])[0]
    without = streams_of(file_of(HOLTER, date=DATE)[1])[0]
    assert with_trace.count(b" l ") > 4000
    assert without.count(b" l ") < 10


def test_the_picture_is_a_png_of_its_size():
    kind, png = file_of(ECHO_VIEW, date=DATE)
    assert kind == "image/png"
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (240, 180)
    data = png[png.index(b"IDAT") + 4 : png.index(b"IEND") - 8]
    assert len(zlib.decompress(data)) == 180 * 241


def test_the_table_opens_in_a_spreadsheet():
    kind, csv = file_of(HOME_PRESSURE, date=DATE)
    lines = csv.decode("utf-8-sig").splitlines()
    assert kind == "text/csv"
    assert csv.startswith(b"\xef\xbb\xbf")
    assert {line.count(";") for line in lines} == {4}


def test_the_same_paper_gives_the_same_bytes():
    for paper in (HOLTER, ECHO_VIEW, HOME_PRESSURE):
        assert file_of(paper, date=DATE) == file_of(paper, date=DATE)


def test_two_pictures_differ_by_their_seed():
    assert png_of(Picture(1)) != png_of(Picture(2))


def test_file_names_are_safe_to_save():
    for name in PAPERS:
        assert not set(name) & set('/\\:*?"<>|')
    assert isinstance(PAPERS[HOLTER.name], Paper)
