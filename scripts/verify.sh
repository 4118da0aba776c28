#!/bin/sh
# Everything a change has to pass, each step with its duration, all of them even when one fails.
# The last line is `N passed, N failed, N skipped`: the counts of the tests, plus one failed for each
# other step that failed. Arguments name the test projects; none means unit and integration.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/lib.sh"

# Whatever ends this early still leaves the last line.
trap 'echo "0 passed, 1 failed, 0 skipped"' EXIT
use_node
ensure_modules
export FIREDRILL_MODULES_CHECKED=1
cd "$root"

# A log file is for reading.
[ -t 1 ] || export NO_COLOR=1

summary="$root/.cache/test-summary.$$"
report=''
failed_gates=0

now_ms() { node -p 'Date.now()'; }

step() {
  name=$1
  shift
  printf '\n=== %s\n' "$name"
  started=$(now_ms)
  if "$@"; then outcome=ok; else outcome=FAILED; fi
  seconds=$(node -p "((Date.now() - $started) / 1000).toFixed(1)")
  printf '=== %s: %s (%s s)\n' "$name" "$outcome" "$seconds"
  report="$report$(printf '%-10s %-7s %7s s' "$name" "$outcome" "$seconds")
"
}

gate() {
  step "$1" sh scripts/gate.sh "$1"
  [ "$outcome" = ok ] || failed_gates=$((failed_gates + 1))
}

run_tests() { FIREDRILL_TEST_SUMMARY="$summary" node_modules/.bin/vitest run "$@"; }

if [ "${FIREDRILL_VERIFY:-all}" = all ]; then
  for name in typecheck lint format knip build; do gate "$name"; done
fi
[ $# -gt 0 ] || set -- --project unit --project integration
step test run_tests "$@"
tests=$outcome

# Written by the reporter as `passed failed skipped`; missing when the runner itself broke.
passed=0 failed=0 skipped=0
if [ -f "$summary" ]; then read -r passed failed skipped <"$summary"; fi
rm -f "$summary"
if [ "$tests" != ok ] && [ "$failed" -eq 0 ]; then failed=1; fi
failed=$((failed + failed_gates))

trap - EXIT
printf '\n%s' "$report"
printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
