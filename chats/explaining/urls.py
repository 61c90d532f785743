from django.urls import path

from chats.explaining import views

app_name = "explaining"

urlpatterns = [path("chats/<uuid:conversation_id>/messages/<uuid:message_id>/why", views.why, name="why")]
