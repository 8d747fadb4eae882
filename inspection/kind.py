"""An inspection as a live session knows it: the pure procedure, registered with its words and permissions."""

from inspection.commands import ClientCommand
from inspection.procedure import apply, evolve, initial
from inspection.state import InspectionFacts, InspectionState
from inspection.store import load_facts
from inspection.viewing import view
from office.session import SessionKind

PERMISSIONS = {
    "close": "record.conclude",
    "call.end": "record.conclude",
}
"""Everything else needs only to take part; who may do what inside is the procedure's own table."""

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
