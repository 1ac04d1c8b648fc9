# shellcheck shell=sh disable=SC2034,SC2154
# Device-mapper.

# table_of TABLE: sets TABLE, paths as `major:minor` in decimal
table_of() {
  TABLE=
  for word in $1; do
    case $word in
      /*)
        device_number "$word" || exit 1
        in_decimal "$NUMBER"
        word=$DECIMAL
        ;;
    esac
    TABLE="$TABLE $word"
  done
  TABLE=${TABLE# }
  for word in $TABLE; do
    case $word in 7:*) [ ! -e "$STUB_STATE/loops/loop${word#7:}/autoclear" ] || violated "a table over a loop that was detached" ;; esac
  done
}

dm_users() { # NAME: sets USERS, how many backends have it
  USERS=0
  for node in "$STUB_STATE"/doms/*/vbd/*/node; do
    value "$node" || :
    [ "$VALUE" != "$CONVERGE_ROOT/dev/mapper/$1" ] || USERS=$((USERS + 1))
  done
}

dm_remove() { # NAME
  rm -r "$STUB_STATE/dm/$1" "$CONVERGE_ROOT/dev/mapper/$1"
  part loops
  clear_loops
}

dmsetup_() {
  case $1 in
    info)
      # of one that a number names, LVM's own say: how often it is open
      case $* in *' --major '*) value "$STUB_STATE/open-$7:$9" 0 || :; echo "$VALUE"; return 0 ;; esac
      for dm in "$STUB_STATE"/dm/*; do
        [ -d "$dm" ] || continue
        dm_users "${dm##*/}"
        value "$dm/uuid" || :
        printf '%s %s %s\n' "${dm##*/}" "$VALUE" "$USERS"
      done
      return 0
      ;;
    table) cat "$STUB_STATE/dm/$2/table" ;;
    status) dm_status "$STUB_STATE/dm/$2" ;;
  esac
}

# dm_status DM: a mirror is a quarter further at each look
dm_status() {
  read -r start length kind _ _ _ _ legs one _ two _ <"$1/table"
  [ "$kind" = mirror ] || { echo "$start $length $kind"; return 0; }
  first=0 good=4
  # one that is in sync at the first look, and good for one more
  [ ! -e "$STUB_STATE/fast-mirror" ] || first=3 good=5
  value "$1/synced" "$first" || :
  looks=$((VALUE + 1))
  if [ -e "$STUB_STATE/slow-mirror" ] || [ -e "$STUB_STATE/slow-${1##*/}" ]; then looks=1; fi
  echo "$looks" >"$1/synced"
  # of all mirrors, or of one
  value "$STUB_STATE/health-${1##*/}" || value "$STUB_STATE/health" AA || :
  synced=$looks health=$VALUE
  [ "$synced" -le 4 ] || synced=4
  # a leg that fails once all was in sync: what it did not take is out of sync
  if [ "$looks" -gt "$good" ] && value "$STUB_STATE/health-in-sync"; then
    synced=3 health=$VALUE
  fi
  echo "$start $length mirror $legs $one $two $synced/4 1 $health 1 core"
}

dmsetup_change() {
  case $1 in
    create) # NAME --uuid UUID --table TABLE
      dm=$STUB_STATE/dm/$2
      [ ! -e "$dm" ] || exit 1
      table_of "$6"
      mkdir "$dm"
      printf '%s' "$4" >"$dm/uuid"
      printf '%s\n' "$TABLE" >"$dm/table"
      name=$2
      set -- "$STUB_STATE"/dm/*
      printf 'fd:%x\n' "$((64 + $#))" >"$CONVERGE_ROOT/dev/mapper/$name"
      ;;
    reload) # NAME --table TABLE
      [ -d "$STUB_STATE/dm/$2" ] || exit 1
      table_of "$4"
      case $TABLE in *" nosync "*) violated "a mirror that copies nothing" ;; esac
      printf '%s\n' "$TABLE" >"$STUB_STATE/dm/$2/next"
      ;;
    clear) # NAME: of the table that waits
      [ -d "$STUB_STATE/dm/$2" ] || exit 1
      rm -f "$STUB_STATE/dm/$2/next"
      ;;
    suspend)
      last_of "$@"; dm=$STUB_STATE/dm/$LAST
      [ -d "$dm" ] || exit 1
      : >"$dm/suspended"
      # a flush fails what waits for a dead leg
      case " $* " in *" --noflush "*) ;; *) violated "a flush of a mirror" ;; esac
      ;;
    resume)
      # --major M --minor N
      if [ "$2" = --major ]; then
        echo 0 >"$CONVERGE_ROOT/sys/dev/block/$3:$5/dm/suspended"
        return
      fi
      last_of "$@"; dm=$STUB_STATE/dm/$LAST
      [ -d "$dm" ] || exit 1
      # a flush fails what waits for a dead leg
      if [ -e "$STUB_STATE/health-in-sync" ] && [ -e "$dm/next" ]; then
        value "$dm/table"
        case "$VALUE/ $* " in
          *" mirror "*/*" --noflush "*) ;;
          *" mirror "*) violated "a flush of a mirror with a dead leg" ;;
        esac
      fi
      # what is in sync stays so under the same table (dm-log.c, core_resume)
      [ ! -e "$dm/next" ] || { mv "$dm/next" "$dm/table" && rm -f "$dm/synced"; }
      [ ! -e "$dm/suspended" ] || rm "$dm/suspended"
      ;;
    remove)
      last_of "$@"; name=$LAST
      [ -d "$STUB_STATE/dm/$name" ] || exit 1
      dm_users "$name"
      if [ "$USERS" = 0 ]; then
        dm_remove "$name"
      elif [ "$2" = --deferred ]; then
        : >"$STUB_STATE/dm/$name/deferred"
      else
        exit 1
      fi
      ;;
  esac
}
