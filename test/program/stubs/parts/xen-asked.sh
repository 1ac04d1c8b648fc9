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
      echo 'Name                                        ID   Mem VCPUs	State	Time(s)'
      ran=0.0
      [ ! -e "$dom/ran" ] || ran=3.3
      printf '%-40s %5s   128     1     %-6s       %s\n' "$name" "$DOMID" "$VALUE" "$ran"
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
  served=vbd
  [ ! -e "$STUB_STATE/qdisk" ] || served=qdisk
  case $1 in
    /local/domain/0/backend/$served) KEPT_IN=$STUB_STATE/doms ;;
    /local/domain/0/backend/$served/*)
      rest=${1#/local/domain/0/backend/$served/}
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
