from django.urls import path

from documents.collections import views

app_name = "collections"
_ONE = "collections/<uuid:collection_id>"
urlpatterns = [
    path("collections", views.home, name="home"),
    path(_ONE, views.page, name="page"),
    path(f"{_ONE}/rename", views.rename, name="rename"),
    path(f"{_ONE}/delete", views.delete, name="delete"),
    path(f"{_ONE}/documents", views.fill, name="fill"),
    path(f"{_ONE}/documents/out", views.take_out, name="take_out"),
    path(f"{_ONE}/shares", views.shares, name="shares"),
    path(f"{_ONE}/shares/<uuid:share_id>/end", views.end, name="end"),
    path("<uuid:document_id>/collection", views.choose, name="choose"),
]
