"""Live delivery: streams of changes, whose truth is the table.

A stream is a cursor and a wake-up, not a queue (`streams`). What wakes it says only that there may
be something to read (`hints`); what it tells, it reads from the change feed (`hub`, `feeds`), so
that a hint that is lost costs time and nothing else.
"""
