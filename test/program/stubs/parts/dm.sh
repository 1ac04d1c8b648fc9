# shellcheck shell=sh disable=SC2034,SC2154
# Device-mapper.

# table_of TABLE: paths as `major:minor` in decimal
table_of() {
  for word in $1; do
    case $word in
      /*)
        number=$(device_number "$word") || exit 1
        printf '%d:%d ' "0x${number%:*}" "0x${number#*:}"
        ;;
      *) printf '%s ' "$word" ;;
    esac
  done | sed 's/ $//'
}

dm_users() { # NAME
  cat "$STUB_STATE"/doms/*/vbd/*/node 2>/dev/null | grep -cxF "$CONVERGE_ROOT/dev/mapper/$1"
}

dm_remove() { # NAME
  rm -r "$STUB_STATE/dm/$1" "$CONVERGE_ROOT/dev/mapper/$1"
}

dmsetup_() {
  case $1 in
    info)
      for dm in "$STUB_STATE"/dm/*; do
        [ -d "$dm" ] && printf '%s %s %s\n' "${dm##*/}" "$(cat "$dm/uuid")" "$(dm_users "${dm##*/}")"
      done
      return 0
      ;;
    table) cat "$STUB_STATE/dm/$2/table" ;;
    status)
      read -r start length kind _ _ _ _ legs one _ two _ <"$STUB_STATE/dm/$2/table"
      [ "$kind" = mirror ] || { echo "$start $length $kind"; return 0; }
      # a quarter further at each look
      first=0 good=4
      # one that is in sync at the first look, and good for one more
      [ ! -e "$STUB_STATE/fast-mirror" ] || first=3 good=5
      looks=$(($(cat "$STUB_STATE/dm/$2/synced" || echo "$first") + 1))
      [ ! -e "$STUB_STATE/slow-mirror" ] || looks=1
      echo "$looks" >"$STUB_STATE/dm/$2/synced"
      synced=$looks health=$(cat "$STUB_STATE/health" || echo AA)
      [ "$synced" -le 4 ] || synced=4
      # a leg that fails once all was in sync: what it did not take is out of sync
      if [ "$looks" -gt "$good" ] && [ -e "$STUB_STATE/health-in-sync" ]; then
        synced=3 health=$(cat "$STUB_STATE/health-in-sync")
      fi
      echo "$start $length mirror $legs $one $two $synced/4 1 $health 1 core"
      ;;
  esac
}

dmsetup_change() {
  case $1 in
    create) # NAME --uuid UUID --table TABLE
      dm=$STUB_STATE/dm/$2
      [ ! -e "$dm" ] || exit 1
      table=$(table_of "$6") || exit 1
      mkdir -p "$dm" "$CONVERGE_ROOT/dev/mapper"
      printf '%s' "$4" >"$dm/uuid"
      printf '%s\n' "$table" >"$dm/table"
      printf 'fd:%x\n' "$((64 + $(ls "$STUB_STATE/dm" | wc -l)))" >"$CONVERGE_ROOT/dev/mapper/$2"
      ;;
    reload) # NAME --table TABLE
      [ -d "$STUB_STATE/dm/$2" ] || exit 1
      table=$(table_of "$4") || exit 1
      case $table in *" nosync "*) echo "a mirror that copies nothing" >>"$STUB_STATE/violations" ;; esac
      printf '%s\n' "$table" >"$STUB_STATE/dm/$2/next"
      ;;
    suspend)
      last_of "$@"; dm=$STUB_STATE/dm/$LAST
      [ -d "$dm" ] || exit 1
      : >"$dm/suspended"
      # a flush fails what waits for a dead leg
      case " $* " in *" --noflush "*) ;; *) echo "a flush of a mirror" >>"$STUB_STATE/violations" ;; esac
      ;;
    resume)
      last_of "$@"; dm=$STUB_STATE/dm/$LAST
      [ -d "$dm" ] || exit 1
      # a flush fails what waits for a dead leg
      if [ -e "$STUB_STATE/health-in-sync" ] && [ -e "$dm/next" ] && grep -q ' mirror ' "$dm/table"; then
        case " $* " in *" --noflush "*) ;; *) echo "a flush of a mirror with a dead leg" >>"$STUB_STATE/violations" ;; esac
      fi
      # what is in sync stays so under the same table (dm-log.c, core_resume)
      [ ! -e "$dm/next" ] || { mv "$dm/next" "$dm/table" && rm -f "$dm/synced"; }
      rm -f "$dm/suspended"
      ;;
    remove)
      last_of "$@"; name=$LAST
      [ -d "$STUB_STATE/dm/$name" ] || exit 1
      if [ "$(dm_users "$name")" = 0 ]; then
        dm_remove "$name"
      elif [ "$2" = --deferred ]; then
        : >"$STUB_STATE/dm/$name/deferred"
      else
        exit 1
      fi
      ;;
  esac
}
