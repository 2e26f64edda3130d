"""Bytes of a letter and the typed values they stand for: parsing, composing, reports, cleaning of
HTML.

Plain Python: nothing in this package knows Django, a table, a setting or a socket.
"""
