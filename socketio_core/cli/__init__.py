"""The command line: `connect`, a terminal client for any Socket.IO server; without a word the demo's chat is served.

`command.py` is what both commands share, `serve.py` the chat's. Of `connect`, `options.py` reads the arguments and
`values.py` turns what one types into values and back; `console.py`, `chat.py` and `script.py` are the three ways to
use a connection.
"""
