from django.urls import URLPattern, path

from documents.consumers import LibraryConsumer

urlpatterns: list[URLPattern] = [
    path("ws/documents", LibraryConsumer.as_asgi()),
]
