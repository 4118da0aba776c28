#!/bin/sh
# The demonstration from a fresh clone: brings what is missing, then runs `firedrill demo`.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/lib.sh"

use_node
ensure_modules
cd "$root"
exec node src/cli.ts demo "$@"
