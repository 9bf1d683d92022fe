"""A pretend AWS for demo and tests: the daemon must not import it, and it must not talk to the real AWS."""
