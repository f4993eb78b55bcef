"""Addresses of the pages for supervisors."""

from django.urls import path

from reports.views import board, directing, forecast, shifts, skills, trace, whatif

urlpatterns = [
    path("board/", board.board, name="board"),
    path("board/decisions/<int:pk>/", board.decision, name="decision"),
    path("board/agents/<int:pk>/", directing.agent, name="board-agent"),
    path("board/agents/<int:pk>/presence", directing.presence, name="board-presence"),
    path("board/conversations/<int:pk>/assign", directing.assign, name="board-assign"),
    path("board/forecast/", forecast.forecast, name="forecast"),
    path("board/what-if/", whatif.what_if, name="what-if"),
    path("board/what-if/example", whatif.example, name="what-if-example"),
    path("board/what-if/<int:pk>/", whatif.answer, name="what-if-answer"),
    path("board/what-if/<int:pk>/cancel", whatif.cancel, name="what-if-cancel"),
    path("board/what-if/<int:pk>/again", whatif.again, name="what-if-again"),
    path("board/conversations/<int:pk>/release", directing.release, name="board-release"),
    path("board/trace/", trace.trace, name="trace"),
    path("board/trace/in/<int:pk>/", trace.incoming, name="trace-in"),
    path("board/trace/out/<int:pk>/", trace.outgoing, name="trace-out"),
    path("board/shifts/", shifts.shifts, name="shifts"),
    path("board/shifts/<int:pk>/cell", shifts.shift, name="shifts-cell"),
    path("board/shifts/<int:pk>/absences", shifts.absences, name="shifts-absences"),
    path("board/skills/", skills.skills, name="skills"),
    path("board/skills/change", skills.change, name="skills-change"),
    path("board/skills/export.csv", skills.export, name="skills-export"),
]
