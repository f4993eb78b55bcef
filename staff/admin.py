"""☰ System → Users with what their sign-in consists of, and Sign-in rules."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString

from agents.models import Agent
from audit.acts import Act
from audit.log import record
from sso.admin import ProductAdmin, badge, is_administrator
from sso.people import PersonAdmin
from staff import lockout, rules, second_factor
from staff.models import LinkedAccount, SecondFactor, SignInRules

RESET = "signs in with the password alone now, and may set two-factor sign-in up again"
UNLINKED = "has no account at a provider any more: the next sign-in finds the user by the address"

admin.site.unregister(User)


@admin.register(User)
class StaffAdmin(PersonAdmin):
    """Who may sign in, and with what."""

    readonly_fields = ("second_step", "provider_accounts", "locked_out")
    actions = ("reset_second_factor", "unlink_accounts", "lift_lock_out")

    def get_list_display(self, request: HttpRequest) -> Any:
        *others, last = super().get_list_display(request)
        return [*others, "second_step", "locked_out", last]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fieldsets(request, obj)
        if obj is None:
            return found
        return [*found, ("Sign-in", {"fields": ("second_step", "provider_accounts", "locked_out")})]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        locks = lockout.locks([row.get_username() for row in found.result_list])
        for row in found.result_list:
            row.locks = locks.get(row.get_username(), [])
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        factor = Exists(SecondFactor.objects.filter(user=OuterRef("pk"), confirmed=True))
        found: QuerySet[User] = super().get_queryset(request).annotate(has_factor=factor)
        return found.prefetch_related("linked_accounts")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Who is no administrator any more must not see everything in the desk either."""
        super().save_model(request, obj, form, change)
        administrates = Agent.objects.filter(user=obj, role=Agent.Role.ADMINISTRATOR)
        if not obj.is_superuser and administrates.update(role=Agent.Role.AGENT):
            messages.warning(
                request,
                f"{obj.get_username()} was an administrator in the desk and is an agent from now on.",
            )

    @display(description="Two-factor")
    def second_step(self, obj: Any) -> SafeString:
        return badge("good", "on") if obj.has_factor else badge("calm", "off")

    @display(description="Accounts at providers")
    def provider_accounts(self, obj: User) -> str:
        return ", ".join(str(one) for one in obj.linked_accounts.all()) or "–"

    @display(description="Locked out")
    def locked_out(self, obj: Any) -> SafeString | str:
        """After too many wrong passwords: from where, and for how long."""
        if not hasattr(obj, "locks"):  # its own page
            obj.locks = lockout.locks([obj.get_username()]).get(obj.get_username(), [])
        if not obj.locks:
            return "–"
        username = obj.get_username()
        left = max(lockout.minutes_left(username, one.ip_address) for one in obj.locks)
        places = ", ".join(one.ip_address or "an unknown address" for one in obj.locks)
        return badge("warn", f"{left} min", f"Too many wrong passwords from {places}.")

    @admin.action(description="Lift the lock-out", permissions=["change"])
    def lift_lock_out(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """For who typed a wrong password too often and has the right one now."""
        freed = [one for one in self._mine(request, chosen) if lockout.lift(one.get_username())]
        for one in freed:
            self.log_change(request, one, "Lifted the lock-out after wrong passwords.")
        self._tell(
            request, freed, "can try again at once", "Nobody of them was locked out: nothing is left to do."
        )

    @admin.action(description="Reset two-factor sign-in", permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """For who lost the phone and the recovery codes."""
        reset = [one for one in self._mine(request, chosen) if second_factor.remove(one)]
        for one in reset:
            record(None, Act.SECOND_FACTOR, one, note="Reset two-factor sign-in.")
        self._tell(request, reset, RESET, "Nobody of them had one to reset: nothing is left to do.")

    @admin.action(description="Unlink accounts at providers", permissions=["change"])
    def unlink_accounts(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """The next sign-in with a provider's account finds its user by the address again."""
        freed = [
            one for one in self._mine(request, chosen) if LinkedAccount.objects.filter(user=one).delete()[0]
        ]
        for one in freed:
            self.log_change(request, one, "Unlinked the accounts at providers.")
        self._tell(request, freed, UNLINKED, "Nobody of them had one linked: nothing is left to do.")

    def _mine(self, request: HttpRequest, chosen: QuerySet[User]) -> QuerySet[User]:
        """Only an administrator may loosen the sign-in of who enters the administration."""
        return chosen if is_administrator(request) else chosen.filter(is_staff=False, is_superuser=False)

    def _tell(self, request: HttpRequest, done: list[User], what: str, nobody: str) -> None:
        for one in done:
            messages.success(request, f"{one.get_username()} {what}.")
        if not done:
            messages.warning(request, nobody)


@admin.register(SignInRules)
class SignInRulesAdmin(ProductAdmin):
    """One page: what is demanded of whoever signs in."""

    fields = ("two_factor",)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        row, _ = SignInRules.objects.get_or_create(pk=1)
        return redirect(self.url("change", row.pk))

    def save_model(self, request: HttpRequest, obj: SignInRules, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        rules.forget()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
