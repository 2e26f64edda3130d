"""Mail at rest: sealed columns and encrypted blobs, each under its mailbox's key. It knows bytes
and keys, no meaning.
"""
