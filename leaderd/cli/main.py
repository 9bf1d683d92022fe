"""The command line: `leaderd COMMAND`."""

import click

from leaderd import __version__
from leaderd.cli.check import check
from leaderd.cli.demo import demo
from leaderd.cli.doctor import doctor
from leaderd.cli.policy import policy
from leaderd.cli.run import run
from leaderd.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="leaderd %(version)s")
def main() -> None:
    """One leader per Elastic Beanstalk environment, asked with curl.

    So a cron job runs on exactly one instance.
    """


main.add_command(serve)
main.add_command(check)
main.add_command(run)
main.add_command(doctor)
main.add_command(policy)
main.add_command(demo)
