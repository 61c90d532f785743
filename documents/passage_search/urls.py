from django.urls import path

from documents.passage_search import views

app_name = "passage_search"

urlpatterns = [path("documents/search", views.search, name="search")]
