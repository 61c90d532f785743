from django.urls import path

from chats.organising import label_views, list_views, views

app_name = "organising"

_CHAT = "chats/<uuid:conversation_id>/organise"
_FOLDER = "chats/folders/<uuid:folder_id>"
_TAG = "chats/tags/<uuid:tag_id>"

urlpatterns = [
    path(_CHAT, views.menu, name="menu"),
    path(f"{_CHAT}/rename", views.rename, name="rename"),
    path(f"{_CHAT}/pin", views.pin, name="pin"),
    path(f"{_CHAT}/move", views.move, name="move"),
    path(f"{_CHAT}/tag", views.tag, name="tag_chat"),
    path(f"{_CHAT}/archive", views.archive, name="archive"),
    path(f"{_CHAT}/delete", views.delete, name="delete"),
    path("chats/undo/<str:token>", views.take_back, name="undo"),
    path("chats/older", views.older, name="older"),
    path("chats/all", list_views.all_chats, name="all"),
    path("chats/archived", list_views.archived, name="archived"),
    path("chats/deleted", list_views.deleted, name="deleted"),
    path("chats/several", list_views.several, name="several"),
    path("chats/folders/new", label_views.new_folder, name="new_folder"),
    path(_FOLDER, label_views.folder, name="folder"),
    path(f"{_FOLDER}/chats", label_views.folder_chats, name="folder_chats"),
    path(f"{_FOLDER}/rename", label_views.rename_folder, name="rename_folder"),
    path(f"{_FOLDER}/delete", label_views.delete_folder, name="delete_folder"),
    path(_TAG, label_views.tag, name="tag"),
    path(f"{_TAG}/rename", label_views.rename_tag, name="rename_tag"),
    path(f"{_TAG}/delete", label_views.delete_tag, name="delete_tag"),
]
