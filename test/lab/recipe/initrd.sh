#!/usr/bin/env bash
# Packs an initrd of busybox and the named kernel modules with all that they depend on.
#
#   initrd.sh TREE OUT MODULE...     TREE is an unpacked Debian tree with a kernel and busybox-static
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$1 out=$2
shift 2
kernels=("$tree"/lib/modules/*)
modules=${kernels[0]}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/lib" "$work/dev" "$work/proc" "$work/sys" "$work/root"
cp "$tree/bin/busybox" "$work/bin/"
ln -s busybox "$work/bin/sh"
install -m 0755 "$here/initrd-init" "$work/init"

declare -A packed
pack() { # modules.dep lists what a module needs from the nearest to the furthest: load in reverse
  local path=$1 name
  name=$(basename "$path")
  [[ -z ${packed[$name]:-} ]] || return 0
  packed[$name]=1
  cp "$modules/$path" "$work/lib/$name"
  echo "/lib/$name" >>"$work/modules.load"
}
for module in "$@"; do
  line=$(grep -E "/${module//_/[-_]}\.ko:" "$modules/modules.dep") || {
    grep -qE "/${module//_/[-_]}\.ko" "$modules/modules.builtin" && continue
    echo "initrd.sh: the kernel has no module $module" >&2
    exit 1
  }
  read -ra needs <<<"${line#*:}"
  for ((i = ${#needs[@]} - 1; i >= 0; i--)); do pack "${needs[i]}"; done
  pack "${line%%:*}"
done
# Not compressed: unpacking costs more, under emulation, than reading a few MiB.
(cd "$work" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out"
