from django.urls import path

from chats.sharing import views

app_name = "sharing"

_PERSON = "shared/<uuid:conversation_id>"
_LINK = "shared/link/<str:token>"

urlpatterns = [
    path("chats/<uuid:conversation_id>/shares", views.shares, name="shares"),
    path("chats/<uuid:conversation_id>/shares/<uuid:share_id>/end", views.end, name="end"),
    path("shared", views.home, name="home"),
    path("shared/ended", views.ended, name="ended"),
    path(_PERSON, views.page, name="page"),
    path(f"{_PERSON}/earlier", views.earlier, name="earlier"),
    path(f"{_PERSON}/latest", views.latest, name="latest"),
    path(f"{_PERSON}/messages/<uuid:message_id>", views.message, name="message"),
    path(f"{_PERSON}/messages/<uuid:message_id>/text", views.text, name="text"),
    path(f"{_PERSON}/messages/<uuid:message_id>/citations/<int:number>", views.citation, name="citation"),
    path(f"{_PERSON}/messages/<uuid:message_id>/images/<int:number>", views.picture, name="picture"),
    path(_LINK, views.link_page, name="link_page"),
    path(f"{_LINK}/earlier", views.link_earlier, name="link_earlier"),
    path(f"{_LINK}/latest", views.link_latest, name="link_latest"),
    path(f"{_LINK}/messages/<uuid:message_id>", views.link_message, name="link_message"),
    path(f"{_LINK}/messages/<uuid:message_id>/text", views.link_text, name="link_text"),
    path(f"{_LINK}/messages/<uuid:message_id>/citations/<int:number>", views.link_citation, name="link_citation"),
    path(f"{_LINK}/messages/<uuid:message_id>/images/<int:number>", views.link_picture, name="link_picture"),
]
