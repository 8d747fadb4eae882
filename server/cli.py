"""`yuankan …`: start everything, start one role, or work on what it left behind.

`./run` is `yuankan serve`. Heavy imports stand inside the commands, because the second start shall take seconds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from server.supervise import CANNOT_START, CannotStart

if TYPE_CHECKING:
    from foundation.settings import Settings

app = typer.Typer(
    help="Yuankan 远勘: remote video inspection and video help for government counters.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def end(text: str, code: int = 1) -> NoReturn:
    print(text, file=sys.stderr, flush=True)
    raise SystemExit(code)


@app.command()
def serve(
    lan: Annotated[
        bool, typer.Option(help="HTTPS on the local network, for phones, with a certificate made here.")
    ] = False,
    accounts_file: Annotated[
        Path | None, typer.Option(help="Also write the demonstration passwords to this file (mode 0600).")
    ] = None,
) -> None:
    """Start a node, a media worker, the packager, a job worker and NATS on this machine."""
    from server.serve import serve_all

    try:
        asyncio.run(serve_all(lan=lan, accounts_file=accounts_file))
    except CannotStart as error:
        end(f"\n{error}\n", CANNOT_START)
    except KeyboardInterrupt:
        pass


@app.command()
def node() -> None:
    """Start one node: pages, API, signaling."""
    from server.roles import run_node

    run_role(run_node)


@app.command()
def media() -> None:
    """Start one media worker."""
    from server import memory, nanny
    from server.roles import load_media, run_media
    from server.supervise import die_with_parent

    memory.be_thrifty()
    die_with_parent()
    load_media()
    nanny.keep(lambda: run_role(run_media), "media worker")


@app.command()
def packager() -> None:
    """Start the packager of this host."""
    from server import memory
    from server.roles import run_packager

    memory.be_thrifty()
    run_role(run_packager)


@app.command()
def jobs() -> None:
    """Start one job worker."""
    from server.roles import run_jobs

    run_role(run_jobs)


@app.command()
def migrate() -> None:
    """Bring the database to this version's tables."""
    from server.preflight import read_settings
    from server.schema import migrate_database

    async def bring_up_to_date() -> None:
        await migrate_database(read_settings())

    run_once(bring_up_to_date())


@app.command()
def verify(
    file: Path,
    json: Annotated[bool, typer.Option(help="The verdict as JSON.")] = False,
    trust: Annotated[
        Path | None, typer.Option(help="The office's published certificates (its /api/trust.json); a sheet needs them.")
    ] = None,
) -> None:
    """Verify an exported package or a sheet, offline, without the server that made it."""
    from server.verify import verify_file

    raise SystemExit(verify_file(file, as_json=json, trust=trust))


@app.command()
def backup(file: Path) -> None:
    """Write database, objects and keys into one file."""
    from server.backup import make_backup

    run_once(make_backup(file))


@app.command()
def restore(file: Path) -> None:
    """Put a backup back into an empty data folder."""
    from server.backup import restore_backup

    run_once(restore_backup(file))


@app.command()
def password(account: str) -> None:
    """Give an account a new random password and show it once."""
    from server.accounts import reset_password

    run_once(reset_password(account))


class Action(StrEnum):
    """What `authority` does."""

    SHOW = "show"
    TAKE_OUT = "take-out"
    RENEW = "renew"


Root = Annotated[Path | None, typer.Option(help="The root's key, where it was taken out; its passphrase is asked for.")]


@app.command()
def authority(
    action: Annotated[Action, typer.Argument(help="List certificates, take the root's key out, or renew its list.")] = (
        Action.SHOW
    ),
    file: Annotated[Path | None, typer.Argument(help="Where the root's key goes, or lies.")] = None,
) -> None:
    """Show the installation's certificates; take the root's key out into a file; bring it back for its yearly list."""
    from server import authority as own

    if action is Action.SHOW:
        run_once(own.show())
    elif file is None:
        end(f"\n{action} 需要一个文件名。\n{action} needs a file.\n", CANNOT_START)
    else:
        run_once(own.take_root_out(file) if action is Action.TAKE_OUT else own.renew(file))


@app.command()
def rotate(kind: Annotated[str, typer.Argument(help="event_ca, tsa, system or seal:CODE")], root: Root = None) -> None:
    """Make a new key for certificates, stamps, certification or a seal; what the old one signed stays believed."""
    from server import authority as own

    run_once(own.rotate(kind, root))


@app.command()
def revoke(
    serial: Annotated[str, typer.Argument(help="The certificate's number, as verdicts and `authority` show it.")],
    why: Annotated[str, typer.Option(help="key_compromise, superseded, privilege_withdrawn …")] = "unspecified",
    root: Root = None,
) -> None:
    """Take a certificate back from now on; what was signed with it before stands."""
    from server import authority as own

    run_once(own.revoke(serial, why, root))


@app.command()
def version() -> None:
    """Say which version this is."""
    from server import VERSION

    print(VERSION)


def run_role(role: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    """Run a role until it is told to stop; a reason for people ends with an exit code that says: do not try again."""
    import uvloop

    from server.preflight import read_settings

    try:
        uvloop.run(role(read_settings()))
    except CannotStart as error:
        print(str(error).replace("\n", " / "), flush=True)
        raise SystemExit(CANNOT_START) from None
    except KeyboardInterrupt:
        pass


def run_once(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except CannotStart as error:
        end(f"\n{error}\n", CANNOT_START)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
