"""Where receivers of webhooks get files."""

from django.urls import path

from webhooks import views

app_name = "webhooks"
urlpatterns = [path("hooks/files/<str:token>", views.file, name="file")]
