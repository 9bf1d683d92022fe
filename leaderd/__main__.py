"""`python -m leaderd` is `leaderd`."""

from leaderd.cli.main import main

main()
