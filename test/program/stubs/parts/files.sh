# shellcheck shell=sh disable=SC2034,SC2154
# What reads and writes whole disks, and what is said of the file systems on them.

rsync_() {
  [ ! -e "$STUB_STATE/rsync-slow" ] || {
    printf '\r      1,048,576  45%%   12.34MB/s    0:01:12'
    value "$STUB_STATE/rsync-slow"
    "$REAL_SLEEP" "$VALUE"
  }
  # every file is read
  case $* in
    *--checksum*) ! value "$STUB_STATE/rsync-compares" || "$REAL_SLEEP" "$VALUE" ;;
  esac
  # until a test has done what it does meanwhile
  while [ -e "$STUB_STATE/rsync-held" ]; do "$REAL_SLEEP" 0.02; done
  case $* in
    */last-source/*) [ ! -e "$STUB_STATE/last-slow" ] || "$REAL_SLEEP" 60 ;;
  esac
  [ ! -e "$STUB_STATE/rsync-rc" ] || { value "$STUB_STATE/rsync-rc"; exit "$VALUE"; }
  printf '\r      2,097,152 100%%    1.00MB/s    0:00:00 (xfr#1, to-chk=0/1)\nLiteral data: 1,234 bytes\n'
}

dd_() { # if=VOLUME of=IMAGE …
  # until a test has done what it does meanwhile
  while [ -e "$STUB_STATE/dd-held" ]; do "$REAL_SLEEP" 0.02; done
  [ ! -e "$STUB_STATE/dd-rc" ] || { value "$STUB_STATE/dd-rc"; exit "$VALUE"; }
  case $2 in
    of="$CONVERGE_ROOT"/dev/*) printf '%s\n' "$*" >>"$STUB_STATE/copied" ;;
    *) printf 'blocks of %s' "${1#if=}" >"${2#of=}" ;;
  esac
}

blkdiscard_() {
  # until a test has done what it does meanwhile
  while [ -e "$STUB_STATE/blkdiscard-held" ]; do "$REAL_SLEEP" 0.02; done
}

# half of 4 MiB is free
dumpe2fs_() {
  printf 'Filesystem features:      has_journal\nFilesystem state:         clean\nBlock count:              4096\nFree blocks:              2048\nBlock size:               1024\n  Free blocks: 2048-4095\n'
}

# cmp_legs -n BYTES … IMAGE VOLUME: nobody may write to either meanwhile
cmp_legs() {
  last_of "$@"
  for dm in "$STUB_STATE"/dm/*; do
    [ ! -d "$dm" ] || [ -e "$dm/suspended" ] || violated "compared under a mirror that goes on"
  done
  for held in "$CONVERGE_ROOT"/sys/block/md*/md/suspend_hi; do
    value "$held" 8192 || :
    [ "$VALUE" = 8192 ] || violated "compared under an array that takes writes"
  done
  if value "$STUB_STATE/job-status" && [ "$VALUE" != pending ]; then
    violated "compared under a job that goes on"
  fi
  if [ -e "$STUB_STATE/written-meanwhile" ]; then
    rm "$STUB_STATE/written-meanwhile"
    part drbd
    echo 8 >"$STUB_STATE/drbd-wrote"
    drbd_proc
  fi
  for dom in "$STUB_STATE"/doms/*; do
    value "$dom/state" || :
    case $VALUE in *p*) ;; *) violated "compared while the guest runs" ;; esac
  done
  while [ -e "$STUB_STATE/cmp-held" ]; do
    : >"$STUB_STATE/comparing"
    "$REAL_SLEEP" 0.02
  done
  # as diffutils says it
  value "$STUB_STATE/differs" || exit 0
  [ -e "$STUB_STATE/differs-for-ever" ] || rm "$STUB_STATE/differs"
  echo "- $LAST differ: byte $VALUE, line 1"
  exit 1
}
