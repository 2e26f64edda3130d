"""The door for a WSGI server. It knows the settings' name and nothing else."""

import os

from django.core.wsgi import get_wsgi_application

from mssante.checks import refuse_unsafe_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mssante.settings.prod")

application = get_wsgi_application()
refuse_unsafe_start()
