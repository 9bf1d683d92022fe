"""A world in virtual time: real watchers, a simulated Elastic Beanstalk, and a judge that sees every instant.

python -m tests.simulation --seeds 10000        many worlds
python -m tests.simulation --seed 4711          one of them again, exactly, with its timeline
python -m tests.simulation --claims ...         the same for claims, in worlds with a store and its troubles
"""
