from django.urls import path

from accounts.rights import views

app_name = "rights"
urlpatterns = [
    path("settings/data", views.your_data, name="your_data"),
    path("settings/data/export", views.export, name="export"),
    path("settings/data/exports/<uuid:request_id>", views.download, name="download"),
    path("settings/data/exports/<uuid:request_id>/delete", views.delete_export, name="delete_export"),
    path("settings/data/delete-account", views.delete, name="delete"),
    path("settings/data/withdraw-consent", views.withdraw_consent, name="withdraw_consent"),
    path("consent", views.give_consent, name="consent"),
]
