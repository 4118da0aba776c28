#!/bin/sh
# One check, by name: typecheck | lint | format | format-write | knip | build.
# Run through with-node.sh. The four tools below are called pinned through npx and stay out of
# package-lock.json, because the lock would then hold their binaries for one platform only.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/lib.sh"

OXLINT=oxlint@1.94.0
TSGOLINT=oxlint-tsgolint@7.0.2007
OXFMT=oxfmt@0.78.0
KNIP=knip@6.44.2

use_node
# Set by a caller that has done so already: an installation must not start under running tests.
[ "${FIREDRILL_MODULES_CHECKED:-}" = 1 ] || ensure_modules
cd "$root"

# npx puts the packages' commands first in PATH, where oxlint finds tsgolint.
pinned() { npx --yes --prefer-offline --loglevel=error "$@"; }

gate=${1:-}
[ $# -eq 0 ] || shift
case "$gate" in
  typecheck) exec node_modules/.bin/tsc -p tsconfig.json "$@" ;;
  lint) pinned -p "$OXLINT" -p "$TSGOLINT" oxlint --type-aware --deny-warnings --report-unused-disable-directives "$@" ;;
  format) pinned -p "$OXFMT" oxfmt --check "$@" ;;
  format-write) pinned -p "$OXFMT" oxfmt "$@" ;;
  knip) pinned -p "$KNIP" knip --no-config-hints "$@" ;;
  build)
    rm -rf dist
    node_modules/.bin/tsc -p tsconfig.build.json "$@"
    node scripts/copy-assets.ts
    ;;
  *) die "gate.sh: '$gate' is not a check; one of typecheck, lint, format, format-write, knip, build" ;;
esac
