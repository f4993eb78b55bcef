"""Addresses of the pages for supervisors."""

from django.urls import path

from reports.views import board, directing

urlpatterns = [
    path("board/", board.board, name="board"),
    path("board/decisions/<int:pk>/", board.decision, name="decision"),
    path("board/agents/<int:pk>/", directing.agent, name="board-agent"),
    path("board/agents/<int:pk>/presence", directing.presence, name="board-presence"),
    path("board/conversations/<int:pk>/assign", directing.assign, name="board-assign"),
    path("board/conversations/<int:pk>/release", directing.release, name="board-release"),
]
