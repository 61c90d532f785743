from django.urls import path

from chats.prompting import panel

app_name = "prompting"

urlpatterns = [
    path("chats/<uuid:conversation_id>/settings", panel.chat_settings, name="chat_settings"),
    path("settings/instructions", panel.own_instructions, name="own_instructions"),
]
