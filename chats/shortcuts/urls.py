from django.urls import path

from chats.shortcuts import views

app_name = "shortcuts"

urlpatterns = [path("chats/titles", views.titles, name="titles")]
