"""Does with an .ebextensions file what Elastic Beanstalk does with it, as far as ours go: files, then commands.

https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/customize-containers-ec2.html
"""

import yaml


def apply(host, path):
    """Apply a configuration file to a host. Packages are there already."""
    config = yaml.safe_load(path.read_text())
    for name, file in config["files"].items():
        if host.ok("test", "-e", name):
            host.run("mv", name, f"{name}.bak")
        host.write(name, file["content"], int(file["mode"], 8))
    for name in sorted(config["commands"]):
        host.run("bash", "-c", config["commands"][name]["command"])
