"""leaderd on real hosts: systemd, cron and one network card each, and a pretend AWS that they can all reach."""
