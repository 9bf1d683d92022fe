"""The XML of AWS's query protocol: plain data in, documents out. No network.

Shapes as in the Elastic Beanstalk API reference ("Common Errors") and in the service model of the SDKs.
"""

from collections.abc import Mapping
from http import HTTPStatus
from xml.sax.saxutils import escape

NAMESPACE = "http://elasticbeanstalk.amazonaws.com/docs/2010-12-01/"


class ApiError(Exception):
    """An error that AWS answers: the HTTP status, its code and its message."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def document(self, request_id: str) -> str:
        """The body: AWS blames the sender for 4xx and itself for 5xx."""
        blamed = "Receiver" if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "Sender"
        error = {"Type": blamed, "Code": self.code, "Message": self.message}
        return _document("ErrorResponse", {"Error": error, "RequestId": request_id})


def result_document(action: str, result: object, request_id: str) -> str:
    """The body of a successful answer to `action`."""
    metadata = {"RequestId": request_id}
    return _document(f"{action}Response", {f"{action}Result": result, "ResponseMetadata": metadata})


def _document(root: str, content: Mapping[str, object]) -> str:
    inner = "".join(_xml(tag, value) for tag, value in content.items())
    return f'<{root} xmlns="{NAMESPACE}">{inner}</{root}>\n'


def _xml(tag: str, value: object) -> str:
    if isinstance(value, Mapping):
        inner = "".join(_xml(name, item) for name, item in value.items())
    elif isinstance(value, list):
        inner = "".join(_xml("member", item) for item in value)
    else:
        inner = escape(str(value))
    return f"<{tag}>{inner}</{tag}>"
