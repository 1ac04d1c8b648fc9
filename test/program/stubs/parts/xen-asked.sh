# shellcheck shell=sh disable=SC2034,SC2154
# What is asked of Xen.

domid_named() { # NAME: sets DOMID
  for dom in "$STUB_STATE"/doms/*; do
    value "$dom/name" && [ "$VALUE" = "$1" ] && DOMID=${dom##*/} && return 0
  done
  return 1
}

# linger WHAT: somebody looks at what is on its way out (xl_leave): a DOMID, or a loop device. After three looks the domain
# is gone, and its disks are still attached; after three more they are not, and their loops are still there; those go after
# three looks at themselves.
linger() {
  [ -e "$STUB_STATE/lingering" ] || return 0
  read -r leaving looks <"$STUB_STATE/lingering"
  if [ "$looks" -lt 7 ]; then [ "$1" = "$leaving" ]; else is_among "$1" "$STUB_STATE/lingering-loops"; fi || return 0
  looks=$((looks + 1))
  echo "$leaving $looks" >"$STUB_STATE/lingering"
  case $looks in
    4) rm "$STUB_STATE/doms/$leaving/name" "$STUB_STATE/doms/$leaving/state" ;;
    7)
      part xen
      KEEPS_LOOPS=1
      xl_gone "$leaving"
      ;;
    10)
      while read -r loop; do rm -r "$STUB_STATE/loops/${loop##*/}" "$loop"; done <"$STUB_STATE/lingering-loops"
      rm "$STUB_STATE/lingering" "$STUB_STATE/lingering-loops"
      ;;
  esac
}

# xl_words OPTIONS WORD…: what xl makes of the words after its command: an option is one wherever it stands, until `--`
# (def_getopt in tools/xl/xl.h goes by getopt_long). Sets GIVEN, the letters of options, FILE_C and FILE_F (the values of -C and -f), and of
# what is left WORD_1 to WORD_3.
xl_words() {
  letters=$1 GIVEN='' FILE_C='' FILE_F='' WORD_1='' WORD_2='' WORD_3='' words=0 options=1
  shift
  while [ $# -gt 0 ]; do
    case $options$1 in
      1--) options=0 ;;
      1--a | 1--al | 1--all)
        case $letters in *a*) GIVEN=${GIVEN}a ;; *) xl_lacks "$1" ;; esac
        ;;
      1--w*) case $letters in *w*) GIVEN=${GIVEN}w ;; *) xl_lacks "$1" ;; esac ;;
      1--*) xl_lacks "$1" ;;
      1-?*)
        cluster=${1#-}
        while [ -n "$cluster" ]; do
          letter=${cluster%"${cluster#?}"}
          cluster=${cluster#?}
          case $letters in
            *"$letter:"*)
              GIVEN=$GIVEN$letter
              if [ -z "$cluster" ]; then shift; cluster=$1; fi
              case $letter in C) FILE_C=$cluster ;; f) FILE_F=$cluster ;; esac
              cluster=
              ;;
            *"$letter"*) GIVEN=$GIVEN$letter ;;
            *) xl_lacks "-$letter" ;;
          esac
        done
        ;;
      *)
        words=$((words + 1))
        case $words in 1) WORD_1=$1 ;; 2) WORD_2=$1 ;; 3) WORD_3=$1 ;; esac
        ;;
    esac
    shift
  done
}

xl_lacks() { # OPTION
  case $1 in -h | --h*) exit 0 ;; esac
  echo "option \`$1' not supported." >&2
  exit 2
}

xl_() {
  case $1 in
    domid)
      shift
      xl_words '' "$@"; name=$WORD_1
      [ ! -e "$STUB_STATE/xl-broken" ] || exit 1
      domid_named "$name" || { echo "Can't get domid of domain name '$name', maybe this domain does not exist." >&2; exit 1; }
      echo "$DOMID"
      ;;
    list)
      shift
      [ ! -e "$STUB_STATE/xl-broken" ] || { echo "xencall: error" >&2; exit 1; }
      xl_words lvhZn "$@"
      DOMID=$WORD_1
      case $DOMID in
        *[!0-9]*) domid_named "$WORD_1" || { echo "$WORD_1 is an invalid domain identifier (rc=-6)" >&2; exit 1; } ;;
      esac
      dom=$STUB_STATE/doms/$DOMID
      linger "$DOMID"
      [ -e "$dom/name" ] || { echo "Error: Domain '$DOMID' does not exist." >&2; exit 1; }
      value "$dom/name"
      name=$VALUE
      value "$dom/state"
      state=$VALUE
      value "$dom/mebibytes" 128 || :
      memory=$VALUE
      echo 'Name                                        ID   Mem VCPUs	State	Time(s)'
      ran=0.0
      [ ! -e "$dom/ran" ] || ran=3.3
      printf '%-40s %5s   %s     1     %-6s       %s\n' "$name" "$DOMID" "$memory" "$state" "$ran"
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
    linger "${key##*/}"
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
    case $key in /local/domain/*/name) rest=${key%/name}; linger "${rest##*/}" ;; esac
    case $key in
      /libxl/*/type)
        rest=${key%/type}
        [ -d "$STUB_STATE/doms/${rest##*/}" ] || exit 1
        value "$STUB_STATE/type" pv || :
        [ -n "$VALUE" ] || exit 1
        printf '%s\n' "$VALUE"
        continue
        ;;
    esac
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
