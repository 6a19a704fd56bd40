"""Bytes in, bytes out: HTTP/1.1 and WebSockets around the engine, for whoever owns sockets. Nothing here waits."""
