from django.urls import path

from chats.scoping import views

app_name = "scoping"

urlpatterns = [path("chats/<uuid:conversation_id>/documents", views.searched, name="searched")]
