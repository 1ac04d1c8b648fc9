# shellcheck shell=sh disable=SC2034,SC2154
# What is asked of Xen.

domid_named() { # NAME: sets DOMID
  for dom in "$STUB_STATE"/doms/*; do
    value "$dom/name" && [ "$VALUE" = "$1" ] && DOMID=${dom##*/} && return 0
  done
  return 1
}

xl_() {
  case $1 in
    domid)
      last_of "$@"; name=$LAST
      [ ! -e "$STUB_STATE/xl-broken" ] || exit 1
      domid_named "$name" || { echo "Can't get domid of domain name '$name', maybe this domain does not exist." >&2; exit 1; }
      echo "$DOMID"
      ;;
    list)
      shift
      [ ! -e "$STUB_STATE/xl-broken" ] || { echo "xencall: error" >&2; exit 1; }
      DOMID=$1
      if [ "$1" = -- ]; then
        domid_named "$2" || { echo "$2 is an invalid domain identifier (rc=-6)" >&2; exit 1; }
      fi
      dom=$STUB_STATE/doms/$DOMID
      [ -d "$dom" ] || { echo "Error: Domain '$DOMID' does not exist." >&2; exit 1; }
      value "$dom/name"
      name=$VALUE
      value "$dom/state"
      state=$VALUE
      value "$dom/mebibytes" 128 || :
      memory=$VALUE
      echo 'Name                                        ID   Mem VCPUs	State	Time(s)'
      printf '%-40s %5s   %s     1     %-6s       3.3\n' "$name" "$DOMID" "$memory" "$state"
      ;;
    info)
      value "$STUB_STATE/free-memory" 4096 || :
      printf 'total_memory           : 8192\nfree_memory            : %s\n' "$VALUE"
      ;;
    *)
      part xen
      change xl_change "$@"
      ;;
  esac
}

xenstore_path() { # KEY: sets KEPT_IN, the file that stands for it
  case $1 in
    /local/domain/0/backend/vbd) KEPT_IN=$STUB_STATE/doms ;;
    /local/domain/0/backend/vbd/*)
      rest=${1#/local/domain/0/backend/vbd/}
      case $rest in
        */*) KEPT_IN=$STUB_STATE/doms/${rest%%/*}/vbd/${rest#*/} ;;
        *) KEPT_IN=$STUB_STATE/doms/$rest/vbd ;;
      esac
      ;;
    /local/domain/*/console/tty) KEPT_IN=$STUB_STATE/doms/${1#/local/domain/} ;;
    /local/domain/*/vm | /local/domain/*/name | /local/domain/*/control/shutdown)
      rest=${1#/local/domain/}
      KEPT_IN=$STUB_STATE/doms/${rest%%/*}/${1##*/}
      ;;
    *) KEPT_IN=/nowhere ;;
  esac
}

xenstore_list() { # [-p] KEY…: until one is not there
  [ ! -e "$STUB_STATE/xl-broken" ] || exit 1
  prefix=
  if [ "$1" = -p ]; then prefix=-p; shift; fi
  for key in "$@"; do
    xenstore_path "$key"
    [ -d "$KEPT_IN" ] || exit 1
    for entry in "$KEPT_IN"/*; do
      [ ! -e "$entry" ] || printf '%s\n' "${prefix:+$key/}${entry##*/}"
    done
  done
}

xenstore_read() { # [-R] KEY…: until one is not there
  [ ! -e "$STUB_STATE/xl-broken" ] || exit 1
  if [ "$1" = -R ]; then shift; fi
  for key in "$@"; do
    if [ "$key" = /local/domain/0/name ]; then echo Domain-0; continue; fi
    xenstore_path "$key"
    cat "$KEPT_IN" || return
  done
}

xenstore_ls() { # -f /libxl/DOMID/device: what libxl has given to it, disks and one network card; `devices` in its folder says otherwise
  [ ! -e "$STUB_STATE/xl-broken" ] || exit 1
  rest=${2#/libxl/}
  dom=$STUB_STATE/doms/${rest%%/*}
  [ -d "$dom" ] || exit 1
  printf '%s = ""\n' "$2" "$2/console" "$2/console/0" "$2/vkbd/0" "$2/vbd" "$2/vif"
  if [ -e "$dom/devices" ]; then
    while IFS= read -r device; do printf '%s/%s = ""\n' "$2" "$device"; done <"$dom/devices"
    return
  fi
  printf '%s = ""\n%s = "/local/domain/0/backend/vif/1/0"\n' "$2/vif/0" "$2/vif/0/backend"
  for disk in "$dom"/vbd/*; do
    [ ! -d "$disk" ] || printf '%s = ""\n%s = "51713 = /vif/9"\n' "$2/vbd/${disk##*/}" "$2/vbd/${disk##*/}/params"
  done
}
