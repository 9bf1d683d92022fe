"""What the SDK knows of the services of AWS, read from its files once for all clients.

The SDK by itself keeps a copy for each client. docs/performance.md says how much memory that is.
"""

import gzip
import json
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader, Loader

SERVICES = {"elasticbeanstalk", "s3", "dynamodb", "sts", "oidc", "portal.sso"}
"""Those whose endpoints are kept, out of some hundreds: ours, and those that the SDK's chain of credentials may ask."""
WAYS = ((".json", open), (".json.gz", gzip.open))


class _Files(JSONFileLoader):  # type: ignore[misc]
    """Reads plain dictionaries, which keep their order as well as those that the SDK makes, in half the memory."""

    def load_file(self, file_path: str) -> Any:
        """The content of a file, whose name comes without its suffix; None without the file."""
        for suffix, open_ in WAYS:
            if Path(file_path + suffix).is_file():
                with open_(file_path + suffix, "rb") as file:
                    content = json.loads(file.read())
                return _reduced(content) if Path(file_path).name == "endpoints" else content
        return None


def _reduced(endpoints: dict[str, Any]) -> dict[str, Any]:
    for partition in endpoints["partitions"]:
        partition["services"] = {name: it for name, it in partition["services"].items() if name in SERVICES}
    return endpoints


MODELS = Loader(file_loader=_Files())
"""The one that all sessions use. It reads a file when it is first needed."""
