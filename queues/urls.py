"""Addresses of the desk."""

from django.urls import path

from queues.views import account, acts, conversations, held, lists, mails, threads, writing

urlpatterns = [
    path("", lists.desk, name="desk"),
    path("rows", lists.rows, name="rows"),
    path("presence", account.set_presence, name="presence"),
    path("presence/seen", account.seen, name="presence-seen"),
    path("live/token", account.live_token, name="live-token"),
    path("next", acts.take_next, name="take-next"),
    path("compose", writing.compose, name="compose"),
    path("conversations/<int:pk>/", conversations.conversation, name="conversation"),
    path("conversations/<int:pk>/parts", conversations.parts, name="parts"),
    path("conversations/<int:pk>/take", acts.take, name="take"),
    path("conversations/<int:pk>/release", acts.release, name="release"),
    path("conversations/<int:pk>/close", acts.close, name="close"),
    path("conversations/<int:pk>/reopen", acts.reopen, name="reopen"),
    path("conversations/<int:pk>/snooze", acts.snooze, name="snooze"),
    path("conversations/<int:pk>/transfer", acts.transfer, name="transfer"),
    path("conversations/<int:pk>/assign", acts.assign, name="assign"),
    path("conversations/<int:pk>/merge", threads.merge, name="merge"),
    path("conversations/<int:pk>/split", threads.split, name="split"),
    path("conversations/<int:pk>/let-go", held.let_go, name="let_go"),
    path("held/let-go", held.let_all_go, name="let-all-go"),
    path("held/close", held.close_all, name="close-all"),
    path("conversations/<int:pk>/bar", writing.bar, name="bar"),
    path("conversations/<int:pk>/reply", writing.reply, name="reply"),
    path("conversations/<int:pk>/notes", writing.note, name="note"),
    path("conversations/<int:pk>/draft", writing.draft, name="draft"),
    path("conversations/<int:pk>/draft/files", writing.draft_files, name="draft-files"),
    path("conversations/<int:pk>/draft/files/<int:file>", writing.draft_file, name="draft-file"),
    path("messages/<int:pk>/body", mails.body, name="message-body"),
    path("messages/<int:pk>/raw", mails.raw, name="message-raw"),
    path("messages/<int:pk>/delivery", acts.delivery, name="delivery"),
    path("messages/<int:pk>/move", threads.move, name="move"),
    path("messages/<int:pk>/undo", acts.undo, name="undo"),
    path("messages/<int:pk>/resend", acts.resend, name="resend"),
    path("messages/<int:pk>/mark-sent", acts.mark_sent, name="mark-sent"),
    path("attachments/<int:pk>", mails.attachment, name="attachment"),
]
