#!/bin/sh
# The tests that take minutes to hours (test/long). Ends like verify.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
FIREDRILL_VERIFY=tests exec sh "$root/scripts/verify.sh" --project long "$@"
