"""Addresses of the two doors. Only the flows we stand behind have an address: no sign-up, no reset
by mail.
"""

from django.urls import path
from django.views.generic import TemplateView

from accounts.views import DoorLogoutView, PatientLoginView, PatientLogoutView, StaffLoginView

urlpatterns = [
    path("compte/connexion/", StaffLoginView.as_view(), name="account_login"),
    path("compte/deconnexion/", DoorLogoutView.as_view(), name="account_logout"),
    path(
        "compte/ferme/",
        TemplateView.as_view(template_name="account/inactive.html"),
        name="account_inactive",
    ),
    path("patient/connexion/", PatientLoginView.as_view(), name="portal_login"),
    path("patient/deconnexion/", PatientLogoutView.as_view(), name="portal_logout"),
]
