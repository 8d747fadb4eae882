"""What both services share: offices, staff, matters, cases, invitations, notices and the live session."""
