"""The clients that are measured: each keeps events under way to a server that echoes them.

Arguments: the server's port, and JSON: how many are under way, and the event's arguments. Prints "ready", and answers
each line "WARM_UP_S SECONDS" on standard input with a line of JSON, as the load generator does.
"""
