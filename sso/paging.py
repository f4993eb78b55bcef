"""Pages of lists that may be long: nobody turns page 4,000, so nobody need count that far."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator

MOST_LISTED = 2000


class ShortPaginator(Paginator):  # type: ignore[type-arg]  # no generic when it runs
    """The newest rows only, counted no further than that; who looks for an older one searches."""

    @cached_property
    def count(self) -> int:
        """How many rows can be paged through."""
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk", flat=True)[:MOST_LISTED])

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than are listed."""
        return bool(self.count >= MOST_LISTED)
