"""The demo chat that `python -m socketio_core` serves: a small but complete application to read and to copy from.

`chat.py` is the Socket.IO part and the place to start. `state.py` is what the chat remembers, `pages.py` the files it
serves, `running.py` starts and stops it, `static/` the page.
"""
