from django.urls import path

from chats.searching import views

app_name = "searching"

urlpatterns = [
    path("search", views.search, name="search"),
    path("chats/<uuid:conversation_id>/later", views.later, name="later"),
    path("chats/<uuid:conversation_id>/messages/<uuid:message_id>/show", views.show, name="show"),
]
