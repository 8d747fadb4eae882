"""Puts the parts together: roles, start, login, command line."""

VERSION = "0.1.0"
