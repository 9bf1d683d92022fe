"""Real daemons, a pretend AWS, and all that can go wrong with them, while somebody asks all of them who leads.

    python -m tests.chaos                         prints the table of all faults
    python -m tests.chaos --write docs/chaos.md   writes it down as well

It concludes from answers only, never from what a daemon logs; `record` says exactly how.
"""
