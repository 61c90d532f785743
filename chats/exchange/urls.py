from django.urls import path

from chats.exchange import views

app_name = "exchange"
urlpatterns = [
    path("settings/exchange", views.home, name="home"),
    path("settings/exchange/export", views.export, name="export"),
    path("settings/exchange/import", views.take_in, name="take_in"),
    path("settings/exchange/<uuid:job_id>/file", views.download, name="download"),
    path("settings/exchange/<uuid:job_id>/forget", views.forget, name="forget"),
    path("chats/<uuid:conversation_id>/export.json", views.as_json, name="as_json"),
    path("chats/<uuid:conversation_id>/export.md", views.as_markdown, name="as_markdown"),
]
