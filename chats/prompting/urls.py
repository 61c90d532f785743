from django.urls import path

from chats.prompting import panel, persona_views, views

app_name = "prompting"

urlpatterns = [
    path("chats/<uuid:conversation_id>/settings", panel.chat_settings, name="chat_settings"),
    path("settings/instructions", panel.own_instructions, name="own_instructions"),
    path("prompts", views.templates, name="templates"),
    path("prompts/new", views.new_template, name="new_template"),
    path("prompts/names", views.template_names, name="template_names"),
    path("prompts/<uuid:template_id>", views.edit_template, name="edit_template"),
    path("prompts/<uuid:template_id>/use", views.use_template, name="use_template"),
    path("prompts/<uuid:template_id>/parts", views.template_parts, name="template_parts"),
    path("prompts/<uuid:template_id>/delete", views.delete_template, name="delete_template"),
    path("prompts/<uuid:template_id>/restore", views.restore_template, name="restore_template"),
    path("chats/<uuid:conversation_id>/persona", persona_views.choose_persona, name="choose_persona"),
    path("personas", persona_views.personas, name="personas"),
    path("personas/new", persona_views.new_persona, name="new_persona"),
    path("personas/<uuid:persona_id>", persona_views.edit_persona, name="edit_persona"),
    path("personas/<uuid:persona_id>/delete", persona_views.delete_persona, name="delete_persona"),
    path("personas/<uuid:persona_id>/restore", persona_views.restore_persona, name="restore_persona"),
]
