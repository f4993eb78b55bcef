"""“Try with this mail”: each rule on one mail that came, condition by condition."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from mailcore.cards import mask
from mailcore.rule_engine import Decision, Finding, Verdict
from mailcore.rule_terms import What
from mailsources import rulebook
from mailsources.models import FetchedMail
from mailsources.rule_lists import whole
from mailsources.rule_past import Past, seen_again
from mailsources.rule_words import condition, outcome, queue_names

SEALED = "its text, which is not shown here"


def page(request: HttpRequest, fetched: FetchedMail, context: dict[str, Any]) -> HttpResponse:
    """The page; `?list=` names a list, such as a draft, to be tried instead of what holds."""
    text = request.GET.get("list", "")
    tried = whole(int(text)) if text.isdigit() and len(text) < 18 else None
    faults: list[str] = []
    rules = rulebook.now()
    if tried is not None and tried.draft_of_id:
        rules = rules.with_list(tried, rulebook.rules_of(tried, faults))
    found = seen_again([fetched.pk]) if fetched.raw_id else []
    past = found[0] if found else None
    shown = _shown(past, past.decided(rules, explain=True)) if past is not None else None
    url = reverse("admin:mailsources_fetchedmail_change", args=[fetched.pk])
    more = {"fetched": fetched, "tried": tried, "shown": shown, "faults": faults, "mail_url": url}
    return render(request, "admin/rule_one_mail.html", context | more)


def _shown(past: Past, decision: Decision) -> dict[str, Any]:
    place, more = outcome(decision, queue_names(), past.queue_id)
    return {
        "place": place,
        "more": more,
        "is_answer": past.is_answer,
        "verdicts": [_verdict(each) for each in decision.verdicts],
    }


def _shown_of(finding: Finding) -> tuple[str, ...]:
    """What a condition saw, but for the text: that is opened for a reason, on the page of the mail."""
    if finding.condition.what is What.TEXT:
        return (SEALED,) if finding.saw else ()
    return tuple(map(mask, finding.saw))


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "rule": verdict.rule,
        "holds": verdict.holds,
        "was_asked": verdict.was_asked,
        "url": reverse("admin:mailsources_mailrule_change", args=[verdict.rule.id]),
        "findings": [
            {"words": condition(each.condition), "holds": each.holds, "saw": _shown_of(each)}
            for each in verdict.findings
        ],
    }
