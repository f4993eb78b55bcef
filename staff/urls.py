"""Addresses of signing in and of one's own account."""

from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.generic import RedirectView

from staff.views import account, login, provider

urlpatterns = [
    path("login/", login.SignIn.as_view(), name="login"),
    path("login/code", login.code, name="login-code"),
    path("login/done", provider.done, name="login-done"),
    path("login/with/<int:provider_id>", provider.start, name="login-with"),
    path("login/oauth2/<slug:kind>", provider.back, name="sign-in-back"),
    path("admin/login/", login.AdminSignIn.as_view(), name="admin-sign-in"),
    path("logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("account/", account.account, name="account"),
    path("account/two-factor", account.two_factor, name="two-factor"),
    path("account/two-factor/off", account.switch_off, name="two-factor-off"),
    path("account/recovery-codes", account.recovery_codes, name="recovery-codes"),
    path("account/password", account.Password.as_view(), name="account-password"),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account-password")),
]
