"""An inspection as a live session knows it: the pure procedure, registered with its words and permissions."""

from collections.abc import Mapping
from typing import get_args

from inspection.commands import ClientCommand
from inspection.procedure import apply, evolve, initial
from inspection.state import InspectionFacts, InspectionState
from inspection.store import load_facts
from inspection.viewing import view
from office.session import SessionKind, word_of

PERMISSIONS: Mapping[str, str] = {
    **{word_of(command): "record.attend" for command in get_args(ClientCommand)},
    "close": "record.conclude",
    "call.end": "record.conclude",
}
"""Who may do what inside is the procedure's own table; these say who may be there, and who may end it."""

INSPECTION: SessionKind[InspectionState, InspectionFacts] = SessionKind(
    name="inspection",
    commands=ClientCommand,
    load=load_facts,
    initial=initial,
    apply=apply,
    evolve=evolve,
    shared=lambda state: state.session,
    view=view,
    permissions=PERMISSIONS,
)
