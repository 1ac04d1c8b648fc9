# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015
# Where xendomains(8) saves guests when Dom0 goes down, and restores them from at boot: a setting of its own, which may change
# between a plan and the boot after which it counts. Read as planning does it (src/core/facts/xendomains.ts).

# find_saved NAME: sets SAVED, the directory that has the file of the guest NAME: one that is set, or the usual one, where
# it may have been saved before it was set. Where none has it: the one that is set last. 1: none has it.
find_saved() {
  local file directory
  SAVED=$ROOT/var/lib/xen/save
  case $1 in */*) return 1 ;; esac
  [ ! -e "$SAVED/$1" ] || return 0
  for file in "$ROOT/etc/default/xendomains" "$ROOT/etc/sysconfig/xendomains"; do
    [ -f "$file" ] && [ -r "$file" ] || continue
    while IFS= read -r directory || [ -n "$directory" ]; do
      saved_directory "$directory" || continue
      SAVED=$ROOT$DIRECTORY
      [ ! -e "$SAVED/$1" ] || return 0
    done <"$file"
  done
  return 1
}

# saved_directory LINE: sets DIRECTORY, what the line sets XENDOMAINS_SAVE to. 1: it does not, or only a shell could tell to
# what: there is no plan for such a host.
saved_directory() {
  local line rest
  line=${1#"${1%%[![:blank:]]*}"}
  case $line in
    export[[:blank:]]*)
      line=${line#export}
      line=${line#"${line%%[![:blank:]]*}"}
      ;;
  esac
  case $line in
    XENDOMAINS_SAVE=\"*\"*) DIRECTORY=${line#*\"} && rest=${DIRECTORY#*\"} && DIRECTORY=${DIRECTORY%%\"*} ;;
    XENDOMAINS_SAVE=\'*\'*) DIRECTORY=${line#*\'} && rest=${DIRECTORY#*\'} && DIRECTORY=${DIRECTORY%%\'*} ;;
    XENDOMAINS_SAVE=*) DIRECTORY=${line#*=} && rest=${DIRECTORY#"${DIRECTORY%%[[:blank:];]*}"} && DIRECTORY=${DIRECTORY%%[[:blank:];]*} ;;
    *) return 1 ;;
  esac
  case $rest in '' | [[:blank:]\;]*) ;; *) return 1 ;; esac
  case $DIRECTORY in /*) ;; *) return 1 ;; esac
  case $DIRECTORY in *[\$\`\\\"\']*) return 1 ;; esac
}
