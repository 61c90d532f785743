from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("set-up/<str:token>", views.set_up, name="set_up"),
    path("settings", views.settings, name="settings"),
    path("settings/sign-out-everywhere", views.sign_out_everywhere, name="sign_out_everywhere"),
    path("settings/sessions/<uuid:session_id>/end", views.end_session, name="end_session"),
]
