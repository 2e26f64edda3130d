"""The door for a WSGI server. It knows the settings' name and nothing else."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mssante.settings.prod")

application = get_wsgi_application()
