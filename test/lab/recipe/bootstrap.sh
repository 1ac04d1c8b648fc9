#!/usr/bin/env bash
# Makes the Debian tree that Dom0 starts from, as a tar: packages only, nothing of the lab's own.
# It is a stage of its own because it is the slow part that needs the archive, and changes the least.
#
#   bootstrap.sh TAR     needs root, mmdebstrap and a Debian archive
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tar=$1
packages=$(grep -v '^#' "$here/packages.txt" | paste -sd,)

mmdebstrap --variant=minbase --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --customize-hook="$here/fetch-hypervisors.sh" \
  bookworm "$tar"
