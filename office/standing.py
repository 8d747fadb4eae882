"""How a record stands, in columns: what day lists and queues ask of thousands of records without folding them. Pure.

The columns are a reading of the same fold as everything else. What the fold needs of the past travels along as a small
state of its own (`standing`), so that appending costs the new events only.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from office.events import Event
from office.fold import evolve
from office.state import SessionState


def decode_standing(text: str) -> SessionState:
    return msgspec.json.decode(text, type=SessionState)


def encode_standing(state: SessionState) -> str:
    return msgspec.json.encode(state).decode("utf-8")


def first_standing(record: str) -> str:
    return encode_standing(SessionState(record=record))


def advance(state: SessionState, event: Event) -> SessionState:
    """The standing after one more event: the shared fold without what only a live view needs."""
    after = evolve(state, event)
    gaps = after.gaps[-1:] if after.gap is not None else ()
    return replace(after, messages=(), wait_message=None, requests={}, gaps=gaps, place=None, findings=())


def columns(state: SessionState) -> dict[str, Any]:
    """The row's columns for this standing."""
    people = [signer for signer in state.signers if signer.role != "seal"]
    return {
        "phase": state.phase,
        "lead": state.lead.id if state.lead else None,
        "assist": state.assist.id if state.assist else None,
        "waiting_since": state.waiting_since,
        # Only a missing camera blocks an inspection (ux.md A4).
        "device_ok": state.device.camera if state.device else None,
        "call": state.call,
        "result": state.result,
        "concluded_at": state.concluded_at,
        "signed": sum(signer.state == "signed" for signer in people),
        "to_sign": len(people),
        "coverage": state.coverage,
        "sealed": state.sealed,
        "standing": encode_standing(state),
    }
