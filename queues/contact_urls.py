"""Addresses of contacts and organisations."""

from django.urls import path

from queues.views import contact_acts, contact_imports, contacts, organisations

urlpatterns = [
    path("contacts/", contacts.listed, name="contacts"),
    path("contacts/new", contacts.new, name="contact-new"),
    path("contacts/export.csv", contacts.export, name="contacts-export"),
    path("contacts/imports/", contact_imports.listed, name="contact-imports"),
    path("contacts/imports/<int:pk>/", contact_imports.one, name="contact-import"),
    path("contacts/imports/<int:pk>/begin", contact_imports.begin, name="contact-import-begin"),
    path("contacts/imports/<int:pk>/cancel", contact_imports.cancel, name="contact-import-cancel"),
    path("contacts/imports/<int:pk>/refused.csv", contact_imports.faults, name="contact-import-faults"),
    path("contacts/merges/<int:pk>/undo", contact_acts.undo, name="contact-unmerge"),
    path("contacts/<int:pk>/", contacts.contact, name="contact"),
    path("contacts/<int:pk>/edit", contacts.edit, name="contact-edit"),
    path("contacts/<int:pk>/trail", contacts.trail, name="contact-trail"),
    path("contacts/<int:pk>/address", contact_acts.address, name="contact-address"),
    path("contacts/<int:pk>/notes", contact_acts.note, name="contact-note"),
    path("contacts/<int:pk>/apart", contact_acts.apart, name="contact-apart"),
    path("contacts/<int:pk>/merge", contact_acts.merge, name="contact-merge"),
    path("organisations/", organisations.listed, name="organisations"),
    path("organisations/names", organisations.names, name="organisation-names"),
    path("organisations/<int:pk>/", organisations.organisation, name="organisation"),
    path("organisations/<int:pk>/edit", organisations.edit, name="organisation-edit"),
    path("organisations/<int:pk>/domain", organisations.domain, name="organisation-domain"),
]
