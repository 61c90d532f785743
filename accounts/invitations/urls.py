from django.urls import path

from accounts.invitations import views

app_name = "invitations"
urlpatterns = [
    path("invitation/<str:token>", views.accept, name="accept"),
]
