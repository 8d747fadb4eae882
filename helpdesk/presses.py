"""Agents who press "next" at the same moment are carried out together (foundation/together.py)."""

from foundation.clock import Clock
from foundation.db import Database
from foundation.together import Together
from helpdesk import calling
from helpdesk.calling import Press
from helpdesk.known import Known
from helpdesk.store import Slip
from office.session import Refused


def presses(db: Database, clock: Clock, known: Known) -> Together[Press, Slip | Refused]:
    """The presses of one node: `ask` as `calling.call_next` of one press alone."""
    return Together(db, lambda conn, together: calling.call_next(conn, together, clock.now(), known.offices))
