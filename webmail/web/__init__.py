"""Pages for professionals. A view parses, asks ``mailbox.access``, calls one verb, renders; it
touches no table.
"""
