from django.urls import path

from chats.rating import views

app_name = "rating"

urlpatterns = [path("chats/<uuid:conversation_id>/messages/<uuid:message_id>/rating", views.rate, name="rate")]
