"""The outgoing road, read in order: drafts → submit → tasks → delivery → routing, smtp → tracking,
bounce. No step goes back.
"""
