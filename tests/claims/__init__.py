"""The claims against stores that others wrote, and through the chaos that leaders go through.

python -m tests.claims                                          prints what ran at each of 300 ticks
python -m tests.claims --ticks 300 --write docs/claims-ticks.md  writes it down as well
"""
