# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# The xl config: replaced in one rename, with the old one kept, and only if it is the one that was planned for.

verb_edit_config() { # PATH SHA_BEFORE SHA_AFTER [START END TEXT]…
  draft_is_ready "$2" "$3" || verb_draft_config "$@" || return
  use_draft "$DRAFT_OF" "$DRAFT" || return
  # one rename of a text that is known
  seen
}

# draft_is_ready SHA_BEFORE SHA_AFTER: this run has written it before the guest went down, and both are as they were then
draft_is_ready() {
  local old new rest
  [ -n "$DRAFT_OF" ] || return 1
  { read -r old rest && read -r new rest; } <<LINES
$(sha256sum -- "$DRAFT_OF" "$DRAFT" 2>/dev/null)
LINES
  # a name that is odd has a backslash before the hash
  [ "${old#\\}" = "$1" ] && [ "${new#\\}" = "$2" ]
}
DRAFT_OF=''

verb_drop_draft() { # PATH
  local path
  path=$(readlink -e -- "$1") || return 0
  draft_of "$path"
  rm -f -- "$FORMER"
}

# draft_config PATH SHA_BEFORE SHA_AFTER [START END TEXT]…: the new text beside the old one, and on disk; sets DRAFT and
# DRAFT_OF, the file that it is for
verb_draft_config() {
  local path before after at draft
  before=$2 after=$3
  path=$(readlink -e -- "$1") || {
    says "$1 is not there"
    return 1
  }
  hash_of "$path" || return 1
  [ "$HASH" = "$before" ] || {
    says "$1 was changed by somebody else meanwhile"
    return 1
  }
  # of a run that died: a second name of the config, or an older one
  draft_of "$path"
  rm -f -- "$FORMER"
  [ "$(stat -c %h -- "$path")" = 1 ] || {
    says "$1 has a second name (hard link), which an edit would cut off"
    return 1
  }
  # over one that chattr has made immutable nothing is renamed; nor can it be given a mode, and be it the one that it has
  chmod -- "$(stat -c %a -- "$path")" "$path" || {
    says "$1 can not be replaced: it may be immutable (lsattr)"
    return 1
  }
  shift 3
  cp -- "$path" "$HERE/config.before" && kept "$HERE/config.before" && kept "$HERE" || {
    says 'cannot keep the config as it is'
    return 1
  }
  draft=$DRAFT
  at=0
  {
    while [ $# -ge 3 ]; do
      slice "$HERE/config.before" "$at" "$1"
      printf '%s' "$3"
      at=$2
      shift 3
    done
    tail -c "+$((at + 1))" "$HERE/config.before"
  } >"$draft" || {
    rm -f -- "$draft"
    says "cannot write $draft"
    return 1
  }
  DRAFT_OF=$path
  finish_draft "$path" "$draft" "$after" && keep_former "$path"
}

# keep_former PATH: the config as it is gets a second name beside it. The edit is a rename, and so is the way back then: for
# that there is room on a disk that is full by then, too.
keep_former() {
  # where a file has one name only, a copy
  ln -- "$1" "$FORMER" 2>/dev/null || cp -p -- "$1" "$FORMER" && kept "$FORMER" || {
    rm -f -- "$FORMER"
    says "cannot keep the config as it is beside it"
    return 1
  }
}

# forget_draft: an edit that was ended between its text and the rename has changed nothing that could be taken back, and left that
forget_draft() {
  local path
  path=$(readlink -e -- "$CONFIG") || return 0
  draft_of "$path"
}

# forget_former: there is no way back any more, or nothing to go back from
forget_former() {
  local path
  path=$(readlink -e -- "$CONFIG") || return 0
  draft_of_name "$path"
  rm -f -- "$FORMER"
}

verb_write_config() { # FROM SHA_BEFORE TO SHA_AFTER [START END TEXT]…
  local from to after at
  ours "$3" && own_directory "${3%/*}" || return
  [ ! -L "$3" ] && [ ! -d "$3" ] || {
    says "$3 is there, and is no file"
    return 1
  }
  hash_of "$1" && [ "$HASH" = "$2" ] || {
    says "$1 was changed by somebody else meanwhile"
    return 1
  }
  from=$1 to=$3 after=$4
  shift 4
  at=0
  {
    while [ $# -ge 3 ]; do
      slice "$from" "$at" "$1"
      printf '%s' "$3"
      at=$2
      shift 3
    done
    tail -c "+$((at + 1))" "$from"
  } >"$to" || {
    says "cannot write $to"
    return 1
  }
  hash_of "$to" && [ "$HASH" = "$after" ] || {
    rm -f -- "$to"
    says "the text of $to is not the planned one"
    return 1
  }
}

verb_remove_file() { # PATH
  ours "$1" || return
  rm -f -- "$1"
}

slice() { # FILE START END
  [ "$3" -gt "$2" ] || return 0
  tail -c "+$(($2 + 1))" "$1" | head -c "$(($3 - $2))"
}

# draft_of PATH: sets DRAFT, beside it. A dot first: xendomains starts whatever else lies in /etc/xen/auto.
draft_of() {
  draft_of_name "$1"
  rm -f -- "$DRAFT"
}

draft_of_name() {
  DRAFT=${1%/*}/.converge-$SAFE.draft FORMER=${1%/*}/.converge-$SAFE.former
}

finish_draft() { # PATH DRAFT SHA256: it is the planned text, readable by whom the old one is, and on disk
  hash_of "$2" && [ "$HASH" = "$3" ] || {
    rm -f -- "$2"
    says "the edited config is not the planned one"
    return 1
  }
  # the mode last: nobody reads meanwhile what they could not read before
  set -- "$1" "$2" "$(stat -c '%u:%g %a' -- "$1")"
  chown -- "${3% *}" "$2" && chmod -- "${3#* }" "$2" && kept "$2" || {
    rm -f -- "$2"
    says "cannot write $2"
    return 1
  }
}

use_draft() { # PATH DRAFT
  mv -f -- "$2" "$1" && kept "${1%/*}" || {
    rm -f -- "$2"
    says "cannot replace $1"
    return 1
  }
}

# note_disks TARGET…: what they are like while nobody has them, and no config names them
verb_note_disks() {
  local stamps disk
  stamps=
  for disk in "$@"; do
    disk_stamp "$disk" || {
      says "cannot see what was written to $disk"
      return 1
    }
    stamps="$stamps $STAMP"
  done
  # what is torn is no stamp, and no config names the disks yet
  note_kept "$HERE/noted" "$stamps"
}

# disk_stamp TARGET: sets STAMP, one word that is another one once a guest has had it. The kernel's count of written sectors
# begins anew at a boot; then what a mount writes to the head of a file system has to tell.
disk_stamp() {
  if sectors_written "$1"; then
    head_sum "$1" && STAMP=$SUM,$(boot_id),$NODE,$WRITTEN
    return
  fi
  # shellcheck disable=SC2046 # words are what is wanted: day, time, zone, size
  set -- $(stat -L -c '%y %s' -- "$1" 2>/dev/null)
  [ $# -eq 4 ] && STAMP=file,$1,$2,$4
}

# head_sum TARGET: sets SUM. A disk that gives errors, or does not answer, has none.
head_sum() {
  SUM=$({ { timeout -s KILL 20 head -c 65536 -- "$1" 2>/dev/null && echo read >&3; } | cksum; } 3>&1)
  # cksum speaks when all has come, and so after that
  case $SUM in "read$LINE"*) SUM=${SUM#*"$LINE"} ;; *) return 1 ;; esac
  SUM=${SUM%% *}
}

# used_meanwhile VDEV TARGET…: those that were noted; sets USED, the first that has been written to since. 1: none has. 2: it
# can not be told. Of one that is gone, or can not be read, nothing is known; the others are looked at all the same.
used_meanwhile() {
  local was unread
  unread=
  read_fact noted
  for was in $CONTENT; do
    [ $# -ge 2 ] || break
    USED=$2
    case $was in
      # the kernel's count is exact, and needs no look at a disk that may give errors by now
      *",$(boot_id),"*) ! sectors_written "$2" || [ "$(boot_id),$NODE,$WRITTEN" = "${was#*,}" ] || return 0 ;;
      file,*) ! disk_stamp "$2" || [ "$STAMP" = "$was" ] || return 0 ;;
      *)
        if ! node_number "$2"; then
          :
        elif head_sum "$2"; then
          [ "$SUM" = "${was%%,*}" ] || return 0
        else
          unread=$2
        fi
        ;;
    esac
    shift 2
  done
  [ -n "$unread" ] || return 1
  says "$unread can not be read: whether $DOMAIN has been on it since is not known"
  return 2
}

# restore_config PATH SHA_AFTER [at-rest|mirrored NAME VDEV TARGET…]: not where NAME has been started on these targets meanwhile, by
# somebody else or by its own reboot: what it has written since is on them only. Nor where it has come to its end again.
# at-rest: the targets were noted (note_disks). mirrored: they have all that it wrote, wherever it did.
verb_restore_config() {
  local path shown old name how
  [ -e "$HERE/config.before" ] || return 0
  path=$(readlink -e -- "$1") || {
    says "$1 is not there: the old one is $HERE/config.before"
    without_config "$@"
    return 1
  }
  draft_of "$path"
  hash_of "$HERE/config.before" || return 1
  old=$HASH
  hash_of "$path" || return 1
  [ "$HASH" != "$old" ] || return 0
  [ "$HASH" = "$2" ] || {
    leave_edited "$path" "$@"
    return
  }
  shown=$1 how=${3:-}
  shift 2
  if [ $# -ge 4 ]; then
    shift
    if [ "$how" = mirrored ]; then await_reboot "$1"; else domid_of "$1"; fi
    case $? in
      0)
        if goal_attached "$@"; then
          no_way_back "$1 was started on its new disk meanwhile, by somebody else: it stays there, and so does $shown"
          return
        fi
        ;;
      1)
        name=$1
        shift
        if [ "$how" = mirrored ]; then
          if ! saved_by_xendomains && volumes_hold "$@"; then
            # whoever took it down may bring it up again; what Dom0's reboot took down is started
            rebooted || note_gone
            no_way_back "$name is down, and may have been on its new disk since, which lacks nothing: it stays there, and so does $shown"
            return
          fi
        else
          used_meanwhile "$@"
          case $? in
            0)
              no_way_back "$name was started on its new disk meanwhile, by somebody else, and has written to $USED: it stays there, and so does $shown"
              return
              ;;
            1) ;;
            *) return 1 ;;
          esac
        fi
        ;;
      *) return 1 ;;
    esac
  fi
  if [ -f "$FORMER" ] && hash_of "$FORMER" && [ "$HASH" = "$old" ]; then
    use_draft "$path" "$FORMER" && return
  fi
  cp -- "$HERE/config.before" "$DRAFT" && finish_draft "$path" "$DRAFT" "$old" && use_draft "$path" "$DRAFT" && return
  # the guest is brought back all the same, on its old disk
  BRING_BACK_FROM=$HERE/config.before
  says "$shown could not be put back as it was, and names the new disk: the old one is $HERE/config.before"
  return 1
}
BRING_BACK_FROM=

# without_config PATH SHA_AFTER [at-rest NAME VDEV TARGET…]: the guest is brought back all the same, if it has not been on its new disk
without_config() {
  [ "${3:-}" = at-rest ] && ! is_apart || return 0
  shift 4
  set -- "$SAYS" "$@"
  used_meanwhile_of "$@"
  [ $? -ne 1 ] || BRING_BACK_FROM=$HERE/config.before
  says "$1"
}

# used_meanwhile_of ANYTHING VDEV TARGET…
used_meanwhile_of() {
  shift
  used_meanwhile "$@"
}

# leave_edited FILE PATH SHA_AFTER [at-rest|mirrored NAME VDEV TARGET…]: somebody else has changed the config since it was written, or
# before that, and it is theirs now. Whatever starts the guest next goes by what it names: so does this run, where the guest is not on
# the other one. The new disks have all that it wrote by the time they are named, and it has been on no other one since, or on both.
leave_edited() {
  local file shown how named where
  file=$1 shown=$2 how=${4:-}
  shift 3
  if [ $# -ge 4 ]; then
    shift
    names_disks "$file" "$@"
    named=$?
    where_is "$how" "$@"
    where=$?
    case $named$where in
      # the new disk, and it is there already, or can go there
      00 | 02 | 04)
        # whoever took it down may bring it up again; what Dom0's reboot took down is started
        [ "$where" -ne 4 ] || rebooted || note_gone
        no_way_back "$shown was changed by somebody else meanwhile, and names the new disk, which lacks nothing: $1 goes there"
        return
        ;;
      # none of them, and it is on none of them
      11 | 12)
        journal note message "$shown was changed by somebody else meanwhile, and does not name the new disk: it is left as it is"
        return 0
        ;;
      10 | 14)
        says "$shown was changed by somebody else meanwhile, and does not name the new disk, which $1 is on, or was last"
        return 1
        ;;
    esac
  fi
  says "$shown was changed by somebody else meanwhile: it is left as it is; the old one is $HERE/config.before"
  return 1
}

# where_is at-rest|mirrored NAME VDEV TARGET…: 0: on its new disks, or down, and has been there. 1: on others. 2: down, or on devices of
# this run's, and new and old disks are equal. 3: that is not known. 4: down by somebody's doing, and what it wrote last may be on the new
# ones only, which lack nothing.
where_is() {
  local how
  how=$1
  shift
  if [ "$how" = mirrored ]; then await_reboot "$1"; else domid_of "$1"; fi
  case $? in
    0)
      ! goal_attached "$@" || return 0
      [ "$how" = mirrored ] || return 1
      if ! on_devices "$@" || is_apart; then return 1; fi
      ! hold_all "$@" || return 2
      return 3
      ;;
    1)
      if [ "$how" = mirrored ]; then
        if saved_by_xendomains || is_apart; then return 3; fi
        hold_all "$@" || return 3
        return 4
      fi
      shift
      used_meanwhile "$@"
      case $? in
        0) return 0 ;;
        1) ! is_apart || return 3 ;;
        *) return 3 ;;
      esac
      return 2
      ;;
  esac
  return 3
}

# takes_apart: from here on only the old disk has what the guest writes. Written down, since
# whoever looks at the mirror after that could take it for whole.
takes_apart() {
  committing && return
  TAKEN_APART=1
  [ -e "$HERE/apart" ] || mark_kept "$HERE/apart" || :
}
TAKEN_APART=0

is_apart() {
  [ "$TAKEN_APART" -eq 1 ] || [ -e "$HERE/apart" ]
}

# hold_all NAME VDEV TARGET…
hold_all() {
  shift
  volumes_hold "$@"
}

# on_devices NAME VDEV TARGET…: it has each of its disks on a device of this run's
on_devices() {
  local name file device found
  name=$1
  shift
  while [ $# -ge 2 ]; do
    found=0
    for file in "$HERE"/watched/*; do
      for device in mapper md drbd; do
        device=$ROOT/dev/$device/${file##*/}
        if [ -e "$device" ] && goal_attached "$name" "$1" "$device"; then found=1; fi
      done
    done
    [ "$found" -eq 1 ] || return 1
    shift 2
  done
}

# names_disks FILE NAME VDEV TARGET…: which of the targets stand in it, comments apart. 0: all; 1: none; 2: some of them, or it can not be
# told: xl has several ways to write what is not plain, and a volume several names.
names_disks() {
  local file there all
  file=$1 there=0 all=0
  shift 2
  while [ $# -ge 2 ]; do
    case $2 in *[!A-Za-z0-9/._:+@%-]*) return 2 ;; esac
    all=$((all + 1))
    other_names "${2#"$ROOT"}"
    NAMED=$2 OTHER=$MAPPER_NAME SHORT=$SHORT_NAME awk '
      function stands(text, name,    at, rest) {
        if (name == "") return 0
        for (rest = text; (at = index(rest, name)) > 0; rest = substr(rest, at + 1))
          if ((at == 1 || substr(rest, at - 1, 1) !~ PART) && substr(rest, at + length(name), 1) !~ PART) return 1
        return 0
      }
      BEGIN { PART = "[A-Za-z0-9/._+@%-]" }
      {
        # a comment begins where no string has
        text = "" ; quote = ""
        for (i = 1; i <= length($0); i++) {
          c = substr($0, i, 1)
          if (quote == "" && c == "#") break
          if (quote == "" && (c == "\"" || c == "\047")) { quote = c; c = " " }
          else if (c == quote) { quote = ""; c = " " }
          text = text c
        }
        if (stands(text, ENVIRON["NAMED"])) named = 1
        if (stands(text, ENVIRON["OTHER"]) || stands(text, ENVIRON["SHORT"])) other = 1
      }
      END { exit named ? 0 : other ? 2 : 1 }' "$file"
    case $? in
      0) there=$((there + 1)) ;;
      1) ;;
      *) return 2 ;;
    esac
    shift 2
  done
  [ "$there" -ne "$all" ] || return 0
  [ "$there" -ne 0 ] && return 2
  return 1
}

# other_names PATH: sets MAPPER_NAME and SHORT_NAME, other names of a volume that is called /dev/VG/LV; empty for what is none
other_names() {
  MAPPER_NAME='' SHORT_NAME=''
  case $1 in /dev/mapper/*) return ;; /dev/*/*/*) return ;; /dev/*/*) ;; *) return ;; esac
  SHORT_NAME=${1#/dev/}
  MAPPER_NAME=/dev/mapper/$(printf '%s %s' "${SHORT_NAME%%/*}" "${SHORT_NAME#*/}" | sed 's/-/--/g; s/ /-/')
}

# await_reboot NAME: as domid_of; in its own reboot a guest is not there for a moment
await_reboot() {
  local tries status
  tries=10
  while :; do
    domid_of "$1"
    status=$?
    tries=$((tries - 1))
    [ "$status" -eq 1 ] && [ "$tries" -gt 0 ] && ! rebooted || return "$status"
    sleep 0.5
  done
}

# volumes_hold VDEV TARGET…: mirrors were in sync when the config was edited, nobody has taken one apart, and no volume that can
# still be asked for has failed since
volumes_hold() {
  local file name vdev volume
  ! is_apart || return 1
  for file in "$HERE"/watched/*; do
    name=${file##*/}
    if [ -e "$ROOT/dev/mapper/$name" ]; then verb_mirror_whole "$name" || return 1; fi
    if resource_of "drbd/$name" && [ -n "$COPY" ]; then holds_all "$COPY_MINOR" || return 1; fi
    [ -e "$ROOT/dev/md/$name" ] && array_of "md/$name" || continue
    while read -r vdev volume; do
      member_state "$volume"
      case ,$MEMBER, in *,faulty,*) return 1 ;; esac
    done <<LIST
$(printf '%s %s\n' "$@")
LIST
  done
}

# restore_stored NAME FILE [VDEV TARGET…]: not where NAME has come up on these targets meanwhile, by its own reboot
verb_restore_stored() {
  local name file
  name=$1 file=$2
  shift 2
  if [ $# -gt 0 ] && goal_attached "$name" "$@"; then
    journal note message "$name has come up on its new disk meanwhile: what xl stored for its reboots stays"
    return 0
  fi
  # no `--`: its first word is the guest, whatever it begins with
  run_command xl config-update "$name" "$file"
}
