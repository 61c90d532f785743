from django.urls import path

from chats.comparing import views

app_name = "comparing"

_MESSAGE = "chats/<uuid:conversation_id>/messages/<uuid:message_id>"

urlpatterns = [
    path("chats/<uuid:conversation_id>/stop", views.stop_all, name="stop_all"),
    path(f"{_MESSAGE}/choose", views.choose, name="choose"),
    path(f"{_MESSAGE}/compare", views.look_again, name="look_again"),
]
