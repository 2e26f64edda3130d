"""Every address of the portal, in one place. It knows views by name, no rule."""

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.urls import include, path

# The admin has no login of its own: everybody comes in by the same door, under the same rules.
admin.autodiscover()
# Addresses for mail outside the trust space are nothing we keep.
admin.site.unregister(EmailAddress)
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler500 = "mssante.errors.server_error"

urlpatterns = [
    path("", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("", include("webmail.urls")),
]
