from django.urls import URLPattern, path

from chats.sharing.consumers import LinkConsumer, ReaderConsumer

urlpatterns: list[URLPattern] = [path("ws/shared/<uuid:conversation_id>", ReaderConsumer.as_asgi())]
links: list[URLPattern] = [path("ws/shared/link/<str:token>", LinkConsumer.as_asgi())]
