"""What an error page may say when DEBUG is on: where it happened, and no value that was at hand there.

Django hides settings and variables by their names only, and no variable at all while DEBUG is on; a token in
a variable called `text` would stand on the page, and in what people copy from it.
"""

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from ucs.logs import redact


class QuietFilter(SafeExceptionReporterFilter):
    """Shows the names of what was sent and set, and values only of settings that hold no secret."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        nothing: dict[str, Any] = {}
        return nothing.items()

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return dict.fromkeys(request.POST, self.cleansed_substitute) if request else {}

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return redact(cleansed) if type(cleansed) is str else cleansed  # not of a lazy one


class QuietReporter(ExceptionReporter):
    """The page and the text of an error, without secrets in the words of the exception or the address."""

    def get_traceback_data(self) -> dict[str, Any]:
        data: dict[str, Any] = super().get_traceback_data()
        for name in ("exception_value", "exception_notes", "unicode_hint", "request_insecure_uri"):
            if isinstance(data.get(name), str):
                data[name] = redact(data[name])
        for frame in data.get("frames", []):
            for name in ("exc_cause", "exc_cause_explicit"):
                if frame.get(name):
                    frame[name] = redact(str(frame[name]))
        data["request_GET_items"] = [(name, self.filter.cleansed_substitute) for name in self._asked()]
        data["filtered_POST_items"] = [(name, self.filter.cleansed_substitute) for name in self._sent()]
        data["request_COOKIES_items"] = []
        return data

    def _asked(self) -> list[str]:
        return list(self.request.GET) if self.request else []

    def _sent(self) -> list[str]:
        return list(self.request.POST) if self.request else []
