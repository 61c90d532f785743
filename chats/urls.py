from django.urls import path

from chats import views

app_name = "chats"

_MESSAGE = "chats/<uuid:conversation_id>/messages/<uuid:message_id>"

urlpatterns = [
    path("", views.home, name="home"),
    path("chats", views.start, name="start"),
    path("chats/<uuid:conversation_id>", views.conversation, name="conversation"),
    path("chats/<uuid:conversation_id>/messages", views.post_message, name="post_message"),
    path("chats/<uuid:conversation_id>/earlier", views.earlier, name="earlier"),
    path("chats/<uuid:conversation_id>/latest", views.latest, name="latest"),
    path("chats/<uuid:conversation_id>/model", views.choose_model, name="choose_model"),
    path("chats/<uuid:conversation_id>/rename", views.rename, name="rename"),
    path("chats/<uuid:conversation_id>/delete", views.delete, name="delete"),
    path("chats/<uuid:conversation_id>/restore", views.restore, name="restore"),
    path(_MESSAGE, views.message, name="message"),
    path(f"{_MESSAGE}/text", views.text, name="text"),
    path(f"{_MESSAGE}/stop", views.stop, name="stop"),
    path(f"{_MESSAGE}/regenerate", views.regenerate, name="regenerate"),
    path(f"{_MESSAGE}/again", views.again, name="again"),
    path(f"{_MESSAGE}/continue", views.continue_answer, name="continue_answer"),
    path(f"{_MESSAGE}/switch", views.switch_branch, name="switch_branch"),
    path(f"{_MESSAGE}/citations/<int:number>", views.citation, name="citation"),
]
