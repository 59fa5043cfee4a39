"""A page on this machine for senders: a server on loopback, and a process that trains."""
