"""Addresses of signing in and of one's own account."""

from django.urls import path
from django.views.generic import RedirectView

from staff.views import account, language, login, provider

urlpatterns = [
    path("login/", login.SignIn.as_view(), name="login"),
    path("login/code", login.code, name="login-code"),
    path("login/done", provider.done, name="login-done"),
    path("login/with/<int:provider_id>", provider.start, name="login-with"),
    path("login/oauth2/<slug:kind>", provider.back, name="sign-in-back"),
    path("admin/login/", login.AdminSignIn.as_view(), name="admin-sign-in"),
    path("logout/", login.SignOut.as_view(), name="logout"),
    path("words/<str:code>.<str:digest>.js", language.spoken, name="words"),
    path("language", language.choose, name="language"),
    path("account/", account.account, name="account"),
    path("account/mentions", account.mentions, name="account-mentions"),
    path("account/two-factor", account.two_factor, name="two-factor"),
    path("account/two-factor/off", account.switch_off, name="two-factor-off"),
    path("account/recovery-codes", account.recovery_codes, name="recovery-codes"),
    path("account/password", account.Password.as_view(), name="account-password"),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account-password")),
]
