# Sourced by lab.sh: Debian's packages that the machine running the lab must have.
# shellcheck shell=bash

# command:package
needed=(
  qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils ssh:openssh-client ssh-keygen:openssh-client
  flock:util-linux
)
needed_to_build=(mmdebstrap:mmdebstrap mke2fs:e2fsprogs cpio:cpio xz:xz-utils zstd:zstd)

ensure_packages() { # COMMAND:PACKAGE…
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || fail "these Debian packages are missing: ${missing[*]}"
  ((UID == 0)) || fail "these packages are missing; as root, run: apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  apt-get -q update >&2
  DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}" >&2
}
