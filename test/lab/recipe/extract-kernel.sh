#!/usr/bin/env bash
# Unpacks the ELF kernel that a bzImage carries: under emulation that saves each boot the seconds
# that unpacking takes. The offsets are those of the boot protocol (Documentation/arch/x86/boot.rst):
# setup_sects at 0x1f1, payload_offset at 0x248, payload_length at 0x24c.
#
#   extract-kernel.sh VMLINUZ OUT
set -euo pipefail
image=$1 out=$2
number() { od -An -v -j "$1" -N "$2" -t "u$2" "$image" | tr -d ' '; }
start=$((($(number $((0x1f1)) 1) + 1) * 512 + $(number $((0x248)) 4)))
# The payload ends in four bytes that hold the unpacked size.
length=$(($(number $((0x24c)) 4) - 4))
payload() { tail -c +$((start + 1)) "$image" | head -c $length; }

# head closes the pipe on tail before its end: a broken pipe is no failure here.
set +o pipefail
case $(payload | head -c 4 | od -An -t x1 | tr -d ' ') in
  fd377a58) payload | xz -dc --single-stream >"$out" ;;
  28b52ffd) payload | zstd -dcq >"$out" ;;
  1f8b*) payload | gzip -dc >"$out" ;;
  *) echo "extract-kernel.sh: $image is packed in a way not known here" >&2; exit 1 ;;
esac
[[ $(head -c 4 "$out" | od -An -c | tr -d ' ') == '177ELF' ]] || { echo "extract-kernel.sh: $image held no ELF kernel" >&2; exit 1; }
