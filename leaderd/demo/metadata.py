"""What the instance metadata of one instance says, as a flat tree of paths. Pure data, no network.

Source: EC2 User Guide, "Access instance metadata for an EC2 instance" (the tables of categories), "Instance
identity documents", "View tags for your EC2 instances using instance metadata".
"""

import json
from collections.abc import Mapping
from datetime import datetime

from leaderd.demo.cloud import ROLE, Cloud, Instance

IMAGE = "ami-0a1b2c3d4e5f60718"
INSTANCE_TYPE = "t3.micro"


def read(cloud: Cloud, instance: Instance, path: str) -> str | None:
    """Return what is at `path` (below /latest/, no slash at its ends): a value, a listing, None for 404."""
    tree = _tree(cloud, instance)
    if path in tree:
        return tree[path]
    below = [name.removeprefix(f"{path}/") for name in tree if name.startswith(f"{path}/")] if path else list(tree)
    children = {name.partition("/")[0] + "/" * ("/" in name) for name in below}
    return "\n".join(sorted(children)) or None


def _tree(cloud: Cloud, instance: Instance) -> dict[str, str]:
    data = _instance(cloud, instance) | _network(cloud, instance)
    if instance.lifecycle:
        data["autoscaling/target-lifecycle-state"] = instance.lifecycle
    if instance.tags_in_imds:
        data |= {f"tags/instance/{name}": value for name, value in _tags(cloud).items()}
    if instance.has_profile:
        data |= _role(cloud, instance)
    tree = {f"meta-data/{name}": value for name, value in data.items()}
    tree["dynamic/instance-identity/document"] = _identity(cloud, instance)
    return tree


def _instance(cloud: Cloud, instance: Instance) -> dict[str, str]:
    return {
        "ami-id": IMAGE,
        "ami-launch-index": "0",
        "instance-id": instance.id,
        "instance-life-cycle": "on-demand",
        "instance-type": INSTANCE_TYPE,
        "placement/availability-zone": instance.zone,
        "placement/region": cloud.region,
        "reservation-id": f"r-{instance.id[2:]}",
        "security-groups": f"awseb-{cloud.environment_id}-stack-AWSEBSecurityGroup",
        "services/domain": "amazonaws.com",
        "services/partition": "aws",
    }


def _network(cloud: Cloud, instance: Instance) -> dict[str, str]:
    name = f"ip-{instance.private_ip.replace('.', '-')}.{cloud.region}.compute.internal"
    mac = ":".join(["0a", "00", *(f"{int(part):02x}" for part in instance.private_ip.split("."))])
    return {
        "hostname": name,
        "local-hostname": name,
        "local-ipv4": instance.private_ip,
        "mac": mac,
        f"network/interfaces/macs/{mac}/device-number": "0",
        f"network/interfaces/macs/{mac}/local-ipv4s": instance.private_ip,
        f"network/interfaces/macs/{mac}/owner-id": cloud.account,
    }


def _tags(cloud: Cloud) -> dict[str, str]:
    return {
        "Name": cloud.environment,
        "elasticbeanstalk:environment-id": cloud.environment_id,
        "elasticbeanstalk:environment-name": cloud.environment,
    }


def _role(cloud: Cloud, instance: Instance) -> dict[str, str]:
    credentials = cloud.credentials(instance.id)
    profile = {
        "Code": "Success",
        "LastUpdated": _time(credentials.issued),
        "InstanceProfileArn": f"arn:aws:iam::{cloud.account}:instance-profile/{ROLE}",
        "InstanceProfileId": "AIPAQWERTYUIOPASDFGHJ",
    }
    keys = {
        "Code": "Success",
        "LastUpdated": _time(credentials.issued),
        "Type": "AWS-HMAC",
        "AccessKeyId": credentials.access_key,
        "SecretAccessKey": credentials.secret_key,
        "Token": credentials.token,
        "Expiration": _time(credentials.expires),
    }
    return {"iam/info": _json(profile), f"iam/security-credentials/{ROLE}": _json(keys)}


def _identity(cloud: Cloud, instance: Instance) -> str:
    return _json(
        {
            "accountId": cloud.account,
            "architecture": "x86_64",
            "availabilityZone": instance.zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "marketplaceProductCodes": None,
            "imageId": IMAGE,
            "instanceId": instance.id,
            "instanceType": INSTANCE_TYPE,
            "kernelId": None,
            "pendingTime": _time(instance.launched),
            "privateIp": instance.private_ip,
            "ramdiskId": None,
            "region": cloud.region,
            "version": "2017-09-30",
        }
    )


def _json(document: Mapping[str, str | None]) -> str:
    return json.dumps(document, indent=2, separators=(",", " : "))


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
