"""`make bench`: the product measured against peers, in one run on one machine.

What comes out are ratios of medians, both sides taken in turn; nothing here asserts a time.
"""
