"""The incoming road, read in order: smtpd → gate → spool → tasks → pipeline → deposit. No step goes
back.
"""
