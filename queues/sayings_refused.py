"""What can't be done, and why: the refusals of `queues.sayings`."""

from django.utils.translation import gettext_noop as _

REFUSALS = (
    _("#%(number)s is not in anybody's hands: there is nothing to give back."),
    _("Only a supervisor may give away what isn't their own: take it first."),
    _("#%(number)s is in “%(name)s” already."),
    _("The note is empty: write something first."),
    _("The note is too long: at most %(longest_note)s characters."),
    _("#%(number)s is not closed."),
    _("The time to wake it is over already: choose one in the future."),
    _("That is too far away: choose a time within a hundred years."),
    _(
        "You have %(taken)s open, and your capacity is %(capacity)s: answer, snooze or give back one "
        "of them first."
    ),
    _(
        "“%(odd)s” has letters outside a-z before the @, and the server of the email sender "
        "“%(name)s” takes no such address: ask this person for another one."
    ),
    _(
        "With everything in it the mail has %(octets)s MB, and the server of the email sender "
        "“%(name)s” takes %(largest)s MB: take a file out, or send the files one by one."
    ),
    _("There is no language “%(tag)s”: choose one that agents have."),
    _("Choose how urgent new mail of this contact is."),
    _("There is no skill “%(name)s”: choose one of those that agents have."),
    _("%(level)s is no level of %(name)s: choose 1 to %(top_level)s."),
    _("Only a supervisor of a queue of %(agent)s may do that."),
    _("%(agent)s has no desk open: what is given now would lie unopened. Ask %(agent)s to sign in."),
    _("“%(wanted)s” is not a presence: choose %(values)s."),
    _("This answer was sent already."),
    _("This mail was sent already."),
    _("The text is too long: at most %(longest_text)s characters."),
    _("This answer waits for its time: choose “Edit” to change it."),
    _("This answer was held and waits for your word: choose “Edit” to change it."),
    _("“%(name)s” doesn't fit: at most %(most_files)s files and %(most)s MB go into a mail."),
    _("The form is broken: load the page again."),
    _("This search would take too long. Add a word, or say when: after:2026-01 looks at newer mails."),
    _("“%(mark)s” is not a page of this list."),
    _("The text is too long: take a part of it out."),
    _("#%(number)s is not held: somebody has let it go already."),
    _("Only a supervisor may close them all at once: close them one by one."),
    _("“%(after)s” is not a page of this list."),
    _("The time to send it is over already: choose one in the future."),
    _("That is too far away: choose a time within a year."),
    _("%(agent)s is writing another answer here: send it, or discard it, before this one."),
    _("Nobody would get it: type an address into “To”."),
    _("This answer waits no longer: it has left, or it is being changed."),
    _("%(agent)s wrote this answer: ask %(agent)s or a supervisor."),
    _("The customer's address is not known: type one into “To”."),
    _("The mail is empty: write something first."),
    _(
        "The %(count)s files have %(size)s MB together: at most %(most_files)s files and "
        "%(most_bytes)s MB fit into a mail."
    ),
    _("The mail has no recipient: type an address into “To”."),
    _("This macro is not here any more: choose another one."),
    _("“%(name)s” writes an answer: run it in the editor."),
    _("#%(number)s can't be merged into itself: choose another conversation."),
    _("#%(number)s was merged into #%(number2)s already: choose that one."),
    _("The mail that this is about is not here any more: load the page again."),
    _("%(both)s is the customer, who must not get what others are asked: answer the customer instead."),
    _("A file that was to go along is not here any more: load the page again."),
    _("“%(name)s” is not kept any more: forward without it."),
    _("You don't work in the email queue “%(name)s”: ask an administrator to add you."),
    _("The mail was erased."),
    _("The mail was moved to another conversation a moment ago: try again."),
    _("#%(number)s was merged into #%(number2)s: go on there. Nothing was done here."),
    _("You have no agent profile: ask an administrator to make one for you."),
    _("#%(number)s is with %(owner)s: ask %(owner)s or a supervisor to give it to you."),
    _("#%(number)s is closed: reopen it first."),
    _("#%(number)s is held: let it go first."),
    _(
        "In “%(queue)s” everybody gets what is first in line: use “Take next”, or ask a supervisor "
        "to give you this one."
    ),
    _(
        "#%(number)s needs %(missing)s, which %(agent)s doesn't have: leave it to a colleague, or "
        "ask a supervisor to assign it."
    ),
    _("The conversation #%(number)s was erased."),
    _(
        "The email queue “%(name)s” has no email sender: an administrator chooses one at ☰ Messaging "
        "→ Email queues."
    ),
    _(
        "The email sender “%(name)s” is switched off: an administrator switches it on at ☰ Messaging "
        "→ Email senders."
    ),
    _("“%(text)s” is not an e-mail address: write it like name@example.com."),
    _(
        "%(who)s has written again since you began: read the new mail, then send again if the answer "
        "still fits."
    ),
    _("This answer was sent and taken back, so nothing leaves now: load the page again, or use a new key."),
    _(
        "An answer with %(what)s was sent from another window already, or with the same key; this "
        "one was not sent. Copy its text, load the page again and paste it into a new answer, or use "
        "a new key."
    ),
    _("The token of the mail (Idempotency-Key) has at most 150 plain characters."),
    _("Only a mail of ours can be taken back."),
    _("Only a mail of ours can be sent again."),
    _("The text of this mail was deleted, so it can't be sent again: write a new one."),
    _("That isn't possible any more: the mail is “%(state)s” by now."),
    _("Fill in %(missing)s before it leaves."),
    _("This snippet is not here any more: choose another one."),
    _("A snippet needs a name and a text."),
    _("The name is too long: at most %(longest_name)s characters."),
    _("You have a snippet “%(name)s” already: choose another name."),
    _("Choose the mails that are to become a conversation of their own."),
    _("At most %(most_split)s mails can be split off at once."),
    _("Some of the mails are not in #%(number)s any more: load the page again."),
    _("These are all mails of #%(number)s: nothing would be left of it."),
    _("The mail is not in #%(number)s any more: load the page again."),
    _("It is the only mail of #%(number)s: merge #%(number)s into #%(number2)s instead."),
    _("A conversation has at most %(most_tags)s tags."),
    _("There is no tag “%(name)s”: a supervisor makes new ones."),
    _("Choose a day and a time."),
    _("Choose a queue."),
    _("Choose an agent."),
    _("It is too late: the mail has left."),
    _("Choose a level, 1 to 5."),
    _("Choose a conversation first."),
    _("A macro runs when the answer is sent: send it now, or take the macro off it."),
    _("An answer of yours waits here already: choose “Edit” there, or cancel it first."),
    _(
        "Another window of yours has saved a draft with files here: copy this text, load the page "
        "again and send it from there."
    ),
    _("No file came with the request."),
    _("“%(names)s” doesn't fit: at most %(most_bytes)s MB go into a mail."),
    _("An agent was deleted meanwhile: load the page again."),
    _("There is no %(kind)s “%(name)s” any more: load the page again."),
    _("%(level)s is no level: 0 (not able) to %(top_level)s."),
    _("The opening hours are empty: %(example)s, or “%(always)s” for always."),
    _("“%(rule)s” in the opening hours names no time: %(example)s."),
    _("“%(piece)s” in the opening hours is not a day: use %(days)s."),
    _("“%(piece)s” in the opening hours is not a time such as 08:00-17:30."),
    _("“%(piece)s” in the opening hours is not a time of the day: 00:00 to 24:00."),
    _(
        "“%(piece)s” in the opening hours ends before it begins: over midnight, write it as two "
        "days, such as Mo 22:00-24:00; Tu 00:00-06:00."
    ),
    _("Choose a day of the week."),
    _("%(agent)s's %(day)s was changed by somebody else meanwhile: %(words)s. Look again."),
    _("These are too many hours to keep: write fewer pieces."),
    _("Choose a queue to write from."),
    _("Give the mail a subject."),
    _("Nothing that you can handle is waiting."),
    _("Nothing that you can handle is waiting in %(queue)s."),
    _("Choose the first and the last day."),
    _("Choose an agent first."),
    _("These changes can't be read: load the page again."),
    _("This answer waits for its time."),
    _("It ends before it begins: choose a later day."),
    _("Give the hours that are worked instead, such as 10:00-14:00."),
    _(
        "The next one, in %(queue)s, needs %(weight)s of your capacity, and you have %(free)s free: answer, "
        "snooze or give back something first."
    ),
    _("Load the page again: it didn't say which time this was asked."),
    _("Choose at least one conversation, and at most %(most_ticked)s."),
    _("There are %(found)s now, and %(told)s were told: look at them, and choose once more."),
    _("It is not done yet: stop it first."),
    _("What was undone can't be undone again."),
    _("You may not see it any more."),
    _("#%(number)s was with somebody who is not there any more."),
    _("This can't be done with many at once."),
    _("#%(number)s was changed since."),
    _("The queue that #%(number)s was in is gone."),
    _("The queue is gone."),
    _("The agent is gone."),
    _("#%(number)s is not marked as spam."),
    _("Choose a tag."),
    _("There is no tag “%(name)s”."),
    _("A name has no commas, quotation marks or blanks at its ends."),
    _("A fault of ours kept it from being done; it is in the log."),
    _("You have %(most)s views already: delete one first."),
    _("“%(name)s” is shared by the team: a supervisor changes it."),
    _("Only supervisors of a queue share a view with its team."),
    _("Choose a queue that you work in."),
    _("There is a view “%(name)s” already: choose another name."),
    _("There is no view “%(name)s” any more: load the page again."),
    _("There is no list “%(name)s”: choose %(names)s."),
    _("There is no order “%(name)s”: choose %(names)s."),
    _("%(agent)s's shifts are %(shifts)s by now: look again."),
)
"""Of actions, forms and searches."""
