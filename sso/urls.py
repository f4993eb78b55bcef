"""Sign-in and token addresses. They are fixed: providers and programs outside know them."""

from django.urls import path

from sso import endpoint, views

app_name = "sso"
urlpatterns = [
    path("login/oauth2/start/<int:provider_id>", views.start, name="start"),
    path("login/oauth2/paste/<int:provider_id>", views.paste, name="paste"),
    path("login/oauth2/<slug:kind>", views.callback, name="callback"),
    path("api/v1.0/auth/token/<str:provider>", endpoint.token, name="token"),
]
