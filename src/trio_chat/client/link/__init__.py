"""The links to a server, one after the other. It knows no screen."""
