#!/bin/sh
# Brings what the project needs: a Node that is new enough, its packages, and the build. To be sourced: it puts that
# Node into PATH where the system's own is too old (Debian 12 has Node 18).
set -eu

# install_packages PACKAGE…: from Debian's archive, as root; otherwise says what to do
install_packages() {
  if [ "$(id -u)" -ne 0 ]; then
    echo "these Debian packages are missing: $*; as root, 'apt-get install $*', and again" >&2
    exit 1
  fi
  echo "installing $* from Debian's packages"
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "$@" >/dev/null
}

# install_tools FILE: what FILE lists (command, package, …) and this machine lacks
install_tools() {
  # words of the list are packages' names
  # shellcheck disable=SC2046
  set -- $(while read -r command package _; do
    case $command in '' | '#'*) continue ;; esac
    command -v "$command" >/dev/null || echo "$package"
  done <"$1" | sort -u)
  [ $# -eq 0 ] || install_packages "$@"
}

node_is_new_enough() {
  command -v node >/dev/null &&
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

command -v npm >/dev/null || install_packages nodejs npm
if ! node_is_new_enough; then
  newer=${XDG_CACHE_HOME:-$HOME/.cache}/converge-node
  if ! [ -x "$newer/node_modules/.bin/node" ]; then
    echo "Node $(node --version) is too old: installing a newer one into $newer"
    npm install --silent --no-audit --no-fund --prefix "$newer" node@22
  fi
  PATH=$newer/node_modules/.bin:$PATH
  export PATH
  node_is_new_enough
fi
# installed once, and again when the lock file changed
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --no-audit --no-fund
fi
npm run --silent build
