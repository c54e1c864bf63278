"""CMP over HTTP (RFC 9811): `gateway` decides, `wsgi`, `asgi` and `runner` carry; the clients' transports are here too.

Nothing is imported here: each module needs what its extra installs (`http` for clients, `server` for `runner`,
`metrics`).
"""
