"""Chats and all that belongs to them as a file, to bring them and to take them along.

`lines` is the format, which docs/history.md explains. `exporting` writes such a file; `survey`
looks through one, `checking` makes of its lines what can be stored, and `importing` stores that.
"""
