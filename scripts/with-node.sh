#!/bin/sh
# Runs a command with Node 24 or newer first in PATH, and npm on that Node.
#   sh scripts/with-node.sh node --version
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/lib.sh"

[ $# -gt 0 ] || die "with-node.sh: which command? For example: sh scripts/with-node.sh node --version"
use_node
exec "$@"
