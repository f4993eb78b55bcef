"""Addresses of the pages for supervisors."""

from django.urls import path

from reports.views import board

urlpatterns = [
    path("board/", board.board, name="board"),
]
