#!/usr/bin/env python
"""Django's command line: one command passes through. It knows nothing but the settings' name."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mssante.settings.dev")
    execute_from_command_line(sys.argv)
