"""The server: OpenAI's speech API, WebSockets, Wyoming and `tts-server` over one scheduler.

Needs the extra `server`. Only `vivavoce.serve.server` starts anything.
"""
