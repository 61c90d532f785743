from django.urls import path

from chats.images import views

app_name = "images"

urlpatterns = [
    path("images", views.upload, name="upload"),
    path("images/waiting", views.waiting, name="waiting"),
    path("images/<uuid:picture_id>", views.draft, name="draft"),
    path("images/<uuid:picture_id>/remove", views.remove, name="remove"),
    path("images/<uuid:picture_id>/text", views.text, name="text"),
    path("chats/<uuid:conversation_id>/messages/<uuid:message_id>/images/<int:number>", views.picture, name="picture"),
]
