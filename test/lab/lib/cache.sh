# Sourced by lab.sh: the images that every lab starts from, kept outside the checkout under the hash of
# the recipe that made them. One process builds at a time; a result appears whole or not at all.
# shellcheck shell=bash

hash_of() { # FILE-OR-DIRECTORY…: names (below the recipe), modes and contents
  (cd "$recipe" && find "$@" -type f -printf '%P %m\n' -exec sha256sum {} + | LC_ALL=C sort | sha256sum | cut -c 1-16)
}

# ensure_cache [RUNTIME-DIRECTORY]: sets $cache, builds it if it is not there, and notes who stands on it
# before anybody else may think it stale.
ensure_cache() {
  local base lock
  base=$cache_home/base-$(hash_of packages.txt bootstrap.sh fetch-hypervisors.sh)
  cache=$cache_home/$(hash_of .)
  mkdir -p -m 0700 "$cache_home"
  exec {lock}>"$cache_home/lock"
  flock -n "$lock" || { say "another run has the images' lock: waiting for it"; flock "$lock"; }
  if [[ ! -f $cache/complete ]]; then
    ((UID == 0)) || fail "building the images makes files of many owners: run 'lab.sh build' as root once"
    ensure_packages "${needed_to_build[@]}"
    remove_stale "$base" "$cache"
    build_base "$base"
    build_images "$base/rootfs.tar" "$cache"
  fi
  if [[ -n ${1:-} ]]; then ln -sfn "$1" "$cache/users/${1//\//_}"; fi
  exec {lock}>&-
}

# remove_stale KEEP…: drops what other recipes made, unless a lab stands on it
remove_stale() {
  local entry user used keep
  for entry in "$cache_home"/*/; do
    entry=${entry%/} used=''
    for keep in "$@"; do [[ $entry == "$keep" ]] && used=1; done
    for user in "$entry"/users/*; do
      # A user is a link to the runtime directory of a lab: it dangles when that lab is down.
      if [[ -e $user ]]; then used=1; fi
    done
    [[ -n $used ]] || { say "removing $entry, which no recipe names any more"; rm -rf "$entry"; }
  done
}

build_base() { # DIRECTORY
  [[ -f $1/rootfs.tar ]] && return 0
  say "building Dom0's packages (a minute or two)"
  rm -rf "$1.new"
  mkdir -p "$1.new"
  "$recipe/bootstrap.sh" "$1.new/rootfs.tar" >"$1.new/log" 2>&1 || { tail -20 "$1.new/log" >&2; fail "mmdebstrap failed: see $1.new/log"; }
  mv "$1.new" "$1"
}

build_images() { # ROOTFS.TAR DIRECTORY
  local new=$2.new tree=$2.new/tree
  say "building the images (two or three minutes)"
  rm -rf "$new"
  mkdir -p "$new/keys" "$new/users" "$tree"
  ssh-keygen -q -t ed25519 -N '' -C converge-lab -f "$new/keys/id"
  ssh-keygen -q -t ed25519 -N '' -C dom0 -f "$new/keys/host"

  tar -xf "$1" -C "$tree" --numeric-owner --xattrs --xattrs-include='*'
  "$recipe/dom0.sh" "$tree" "$new/keys" || fail "making the tree Dom0 failed"
  cp "$tree"/usr/local/share/lab-xen/{main,security}{,.version} "$new/"
  cp "$tree/boot/guest/vmlinux" "$new/vmlinux"
  "$recipe/initrd.sh" "$tree" "$new/initrd" virtio_pci virtio_blk crc32c_generic ext4
  mke2fs -q -t ext4 -L dom0 -E root_owner=0:0 -d "$tree" "$new/dom0.img" 6G
  rm -rf "$tree"
  truncate -s 8G "$new/vg0.img"
  truncate -s 320M "$new/vg1.img"
  provision "$new" || fail "making the guests' disks failed: see $new/provision.log"
  touch "$new/complete"
  mv "$new" "$2"
}
