"""Throw-away certificates and lists, good ones and every kind of bad one. Tests build no
certificate elsewhere.
"""
