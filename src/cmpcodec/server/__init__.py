"""The server without its sockets: `Responder.handle(bytes) -> bytes`.

`ports` says what it needs from outside (store, authority), `profile` how it treats its clients. It decides what RFC 9810
and RFC 9483 leave to a server; HTTP, databases, keys, clocks and logs are elsewhere.
"""
