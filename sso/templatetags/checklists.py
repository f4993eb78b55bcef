"""What the templates of the checklists ask for."""

from collections.abc import Mapping

from django import template
from django.db.models import Model
from django.urls import reverse

register = template.Library()


@register.filter
def going(links: Mapping[str, tuple[str, str]], name: str) -> tuple[str, str]:
    """Words and address of where a step leads to."""
    return links[name]


@register.filter
def change_page(row: Model) -> str:
    """The page of a row in the administration."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
