# shellcheck shell=sh disable=SC2034,SC2154
# LVM, and what is on its volumes.

lvs_() {
  last_of "$@"; name=$LAST
  file=$STUB_STATE/lv/$name
  if [ -e "$STUB_STATE/lvs-broken" ]; then echo "  Cannot process volume group ${name%%/*}" >&2; exit 5; fi
  [ -e "$file" ] || { echo "  Failed to find logical volume \"$name\"" >&2; exit 5; }
  IFS='|' read -r size tags attr origin data <"$file"
  out=
  while [ $# -gt 0 ]; do
    if [ "$1" = -o ]; then
      fields=$2,
      while [ -n "$fields" ]; do
        field=${fields%%,*} fields=${fields#*,}
        case $field in
          lv_size) v=$size ;; lv_tags) v=$tags ;; lv_attr) v=$attr ;; origin) v=$origin ;;
          data_percent) v=$data ;; metadata_percent) v=1.20 ;; vg_free) value "$STUB_STATE/vg-free" 0 || :; v=$VALUE ;;
        esac
        out=$out\|$v
      done
    fi
    shift
  done
  printf '  %s\n' "${out#|}"
}

lvcreate_() {
  size= tags= name= snapshot= attr=-wi-a----- origin=
  while [ $# -gt 0 ]; do
    case $1 in
      --size) size=${2%b}; shift ;;
      --name) name=$2; shift ;;
      --addtag) tags=$tags,$2; shift ;;
      --snapshot) snapshot=1 ;;
      --yes) ;;
      *) target=$1 ;;
    esac
    shift
  done
  vg=${target%%/*}
  [ -z "$snapshot" ] || { origin=${target#*/} attr=swi-a-s---; }
  [ ! -e "$STUB_STATE/lv/$vg/$name" ] || exit 5
  [ -d "$CONVERGE_ROOT/dev/$vg" ] && [ -d "$STUB_STATE/lv/$vg" ] || mkdir -p "$STUB_STATE/lv/$vg" "$CONVERGE_ROOT/dev/$vg"
  printf '%s|%s|%s|%s|\n' "$size" "${tags#,}" "$attr" "$origin" >"$STUB_STATE/lv/$vg/$name"
  set -- "$STUB_STATE/lv/$vg"/*
  printf 'fd:%x\n' "$#" >"$CONVERGE_ROOT/dev/$vg/$name"
}

lvremove_() {
  last_of "$@"; name=$LAST
  [ -e "$STUB_STATE/lv/$name" ] || exit 5
  part loops
  ! is_mounted "$CONVERGE_ROOT/dev/$name" || { echo "in use" >&2; exit 5; }
  rm "$STUB_STATE/lv/$name" "$CONVERGE_ROOT/dev/$name"
}

without_tag() { # TAG: takes it out of tags
  rest_of_tags=$tags, tags=
  while [ -n "$rest_of_tags" ]; do
    tag=${rest_of_tags%%,*} rest_of_tags=${rest_of_tags#*,}
    [ "$tag" = "$1" ] || tags=${tags:+$tags,}$tag
  done
}

lvchange_() { # --addtag TAG --deltag TAG NAME
  last_of "$@"; name=$LAST
  case " $* " in
    *' --refresh '*)
      device_number "$CONVERGE_ROOT/dev/$name" && in_decimal "$NUMBER"
      echo 0 >"$CONVERGE_ROOT/sys/dev/block/$DECIMAL/dm/suspended"
      return
      ;;
  esac
  IFS='|' read -r size tags rest <"$STUB_STATE/lv/$name"
  while [ $# -gt 1 ]; do
    case $1 in
      --addtag) tags=$tags,$2 ;;
      --deltag) without_tag "$2" ;;
    esac
    shift
  done
  printf '%s|%s|%s\n' "$size" "$tags" "$rest" >"$STUB_STATE/lv/$name"
}

lvextend_() {
  last_of "$@"; name=$LAST
  IFS='|' read -r size tags attr origin data <"$STUB_STATE/lv/$name"
  printf '%s|%s|%s|%s|%s\n' "$size" "$tags" "$attr" "$origin" 40.00 >"$STUB_STATE/lv/$name"
}

content_of() { # DEVICE: sets CONTENT, the file that says what is on it
  CONTENT=$STUB_STATE/content rest=${1#/}/
  while [ -n "$rest" ]; do
    CONTENT=${CONTENT}_${rest%%/*} rest=${rest#*/}
  done
}

mkfs_() {
  content_of "$3"
  printf 'TYPE=%s\nUUID=%s\n' "$1" "$2" >"$CONTENT"
}

blkid_() {
  last_of "$@"; name=$LAST
  content_of "$name"
  cat "$CONTENT" || exit 2
}
