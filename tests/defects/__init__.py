"""Would the evidence notice? Known defects, and mutants by the hundred, put into a copy of the package, never into it.

defects.toml    changes of one line that a tired programmer makes, and what must notice each
survivors.toml  the mutants of leaderd/core that no test notices, with the reason why none can

python -m tests.defects.mutants                 make all mutants of leaderd/core, and try each
"""
