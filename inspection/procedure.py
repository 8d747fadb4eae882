"""The procedure of an inspection: which command is accepted when, and what it comes to."""

from inspection.commands import AnyCommand, ClientCommand

__all__ = ["AnyCommand", "ClientCommand"]
