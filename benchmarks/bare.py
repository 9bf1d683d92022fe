"""A bare aiohttp handler that answers every request with the same bytes: the best that the library can do.

python -m benchmarks.bare PORT, with {"status": …, "headers": {…}, "body": "…"} on stdin; it ends when it is terminated.
"""

import json
import sys

from aiohttp import web


def application(status: int, headers: dict[str, str], body: str) -> web.Application:
    """Make it."""
    content = body.encode()

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=content, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", handle)
    return app


if __name__ == "__main__":
    said = json.loads(sys.stdin.readline())
    web.run_app(application(**said), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
