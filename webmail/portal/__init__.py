"""Pages for patients: own addresses, own session, plain words. They do not know the professionals'
pages.
"""
