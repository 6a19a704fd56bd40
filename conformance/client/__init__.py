"""The suite's own client: HTTP by h11, WebSockets by wsproto, over any stream of bytes."""
