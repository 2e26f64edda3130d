"""Static files under names that carry their hash, without a build. It knows files, no page."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class HashedStaticFilesStorage(ManifestStaticFilesStorage):
    # Rewrites relative ES module imports as Django rewrites CSS urls (experimental in Django 5.2;
    # keep imports relative and on one line).
    support_js_module_import_aggregation = True
