# shellcheck shell=sh disable=SC2034,SC2154
# What is asked of Xen.

domid_named() {
  for dom in "$STUB_STATE"/doms/*; do
    [ -d "$dom" ] && [ "$(cat "$dom/name")" = "$1" ] && printf '%s\n' "${dom##*/}" && return 0
  done
  return 1
}

xl_() {
  case $1 in
    domid)
      last_of "$@"; name=$LAST
      [ ! -e "$STUB_STATE/xl-broken" ] || exit 1
      domid_named "$name" || { echo "Can't get domid of domain name '$name', maybe this domain does not exist." >&2; exit 1; }
      ;;
    list)
      shift
      [ ! -e "$STUB_STATE/xl-broken" ] || { echo "xencall: error" >&2; exit 1; }
      if [ "$1" = -- ]; then
        id=$(domid_named "$2") || { echo "$2 is an invalid domain identifier (rc=-6)" >&2; exit 1; }
        set -- list "$id"
      else
        set -- list "$1"
      fi
      dom=$STUB_STATE/doms/$2
      [ -d "$dom" ] || { echo "Error: Domain '$2' does not exist." >&2; exit 1; }
      echo 'Name                                        ID   Mem VCPUs	State	Time(s)'
      printf '%-40s %5s   128     1     %-6s       3.3\n' "$(cat "$dom/name")" "$2" "$(cat "$dom/state")"
      ;;
    info) printf 'total_memory           : 8192\nfree_memory            : %s\n' "$(cat "$STUB_STATE/free-memory" || echo 4096)" ;;
    *)
      part xen loops dm md drbd
      change xl_change "$@"
      ;;
  esac
}

xenstore_path() { # the file that stands for a key
  case $1 in
    /local/domain/0/backend/vbd) printf '%s' "$STUB_STATE/doms" ;;
    /local/domain/0/backend/vbd/*)
      rest=${1#/local/domain/0/backend/vbd/}
      case $rest in
        */*) printf '%s' "$STUB_STATE/doms/${rest%%/*}/vbd/${rest#*/}" ;;
        *) printf '%s' "$STUB_STATE/doms/$rest/vbd" ;;
      esac
      ;;
    /local/domain/*/console/tty)
      rest=${1#/local/domain/}
      printf '%s' "$STUB_STATE/doms/$rest"
      ;;
    /local/domain/*/vm | /local/domain/*/name | /local/domain/*/control/shutdown)
      rest=${1#/local/domain/}
      printf '%s' "$STUB_STATE/doms/${rest%%/*}/${1##*/}"
      ;;
    *) printf '/nowhere' ;;
  esac
}
