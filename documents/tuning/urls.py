from django.urls import path

from documents.tuning import views

app_name = "tuning"

urlpatterns = [path("documents/collections/<uuid:collection_id>/search-settings", views.edit, name="edit")]
