from django.urls import path

from accounts.second_factor import views

app_name = "second_factor"
urlpatterns = [
    path("accounts/second-step/", views.step, name="step"),
    path("settings/second-factor", views.enrol, name="enrol"),
    path("settings/second-factor/remove", views.remove, name="remove"),
    path("settings/recovery-codes", views.recovery_codes, name="recovery_codes"),
    path("settings/confirm", views.confirm, name="confirm"),
    path("settings/confirm/sign-in-again", views.sign_in_again, name="sign_in_again"),
]
