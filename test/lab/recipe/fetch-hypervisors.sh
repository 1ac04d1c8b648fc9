#!/bin/sh
# Puts both hypervisors of Debian 12, unpacked, into the tree at $1 (called by bootstrap.sh as a hook):
# `main` is bookworm's own (shadow paging, live-migrates PV guests), `security` is bookworm-security's.
# Fetched by the new tree's own apt, which knows the archives that the tree was made from.
set -eu
chroot "$1" sh -eu <<'CHROOT'
package=xen-hypervisor-4.17-amd64
mkdir -p /usr/local/share/lab-xen
cd /usr/local/share/lab-xen

fetch() { # NAME ARCHIVE
  version=$(apt-cache madison $package | awk -v a=" $2/main " 'index($0 " ", a) { print $3; exit }')
  [ -n "$version" ] || { echo "no $package in $2" >&2; exit 1; }
  apt-get -q -o APT::Sandbox::User=root download "$package=$version"
  dpkg-deb --fsys-tarfile $package*.deb | tar -xO ./boot/xen-4.17-amd64.gz | gunzip >"$1"
  echo "$version" >"$1.version"
  rm $package*.deb
}
fetch main bookworm
fetch security bookworm-security
CHROOT
