"""``python -m foundation.migrations "message" module…``: write the next revision."""

import sys

from foundation.migrations import write_revision_for

if len(sys.argv) < 3:
    sys.exit('usage: python -m foundation.migrations "Say what changes" module.with.tables …')
path = write_revision_for(["foundation.jobs", "foundation.audit", *sys.argv[2:]], sys.argv[1])
sys.stdout.write(f"{path}\n" if path else "nothing differs\n")
