"""Puts the parts together: roles, start, login, command line."""
