from django.urls import path

from chats.editing import views

app_name = "editing"

urlpatterns = [path("chats/<uuid:conversation_id>/messages/<uuid:message_id>/edit", views.edit, name="edit")]
