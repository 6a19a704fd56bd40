"""The command line: `connect`, a terminal client for any Socket.IO server; without a word the demo's chat is served.

`command.py` is what both commands share, `streams.py` and `text.py` what they write to and how; `serve.py` is the
chat's. Of `connect`, `options.py` reads the arguments, `lines.py` scripts, `terminal.py` and `editor.py` what somebody
types; `values.py` turns it into values and back; `console.py`, `chat.py` and `script.py` are the three ways to use a
connection.
"""
