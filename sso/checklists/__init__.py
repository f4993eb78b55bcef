"""Checklists: every step at a provider and here until mail comes and goes, ticked by people and by UCS.

lists     what there is to do, read from lists.toml
values    what a step has to be copied
checks    what UCS can see by itself
ticks     who ticked what: the only writer of ChecklistTick
page      all of it together, for one provider or source
markdown  the same for the documents
"""
