from django.urls import path

from chats.consumers import ConversationConsumer

urlpatterns = [path("ws/chats/<uuid:conversation_id>", ConversationConsumer.as_asgi())]
