"""Those of allauth's pages that this product has, under allauth's own names. The others do not exist here."""

from collections.abc import Callable

from allauth.account import views
from django.http import HttpResponse
from django.urls import path, re_path

from accounts.local_passwords import only_where_they_count
from accounts.second_factor import confirmed_recently


def _own_password(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    return only_where_they_count(confirmed_recently(view))


urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("signup/", views.signup, name="account_signup"),
    path("confirm-email/", views.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", views.confirm_email, name="account_confirm_email"),
    path("password/change/", _own_password(views.password_change), name="account_change_password"),
    path("password/set/", _own_password(views.password_set), name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    path("password/reset/key/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
]
