# shellcheck shell=sh disable=SC2034,SC2154
# systemd.

systemd_run() {
  properties= stop_post= scope=
  while [ $# -gt 0 ]; do
    case $1 in
      --scope) scope=1 ;;
      -p)
        case $2 in ExecStopPost=*) stop_post=${2#ExecStopPost=} ;; esac
        printf '%s\n' "$2" >>"$STUB_STATE/properties"
        shift
        ;;
      --unit=converge-late-device-*)
        # the watchman of an array or a DRBD device: see xl_gone
        last_of "$@"
        printf '%s\n' "$LAST" >>"$STUB_STATE/watchmen"
        return 0
        ;;
      --unit=converge-again-*)
        # a test does what it is to do, when it wants it done
        [ ! -e "$STUB_STATE/no-units" ] || { echo 'Failed to start transient service unit' >&2; exit 1; }
        last_of "$@"
        printf '%s\n' "$LAST" >>"$STUB_STATE/again"
        return 0
        ;;
      --unit=*) printf '%s\n' "$1" >>"$STUB_STATE/units" ;;
      --) shift; break ;;
      --*) ;;
      *) break ;;
    esac
    shift
  done
  if [ -n "$scope" ]; then
    IN_SCOPE=1
    export IN_SCOPE
    exec setsid --wait "$@"
  fi
  [ ! -e "$STUB_STATE/no-units" ] || { echo 'Failed to start transient service unit' >&2; exit 1; }
  setsid sh -c '
    echo $$ >"$STUB_STATE/group"
    readlink -f "$CONVERGE_ROOT"/var/lib/converge/domains/*/current >"$STUB_STATE/run-dir"
    stop=$1; shift
    shift # /bin/sh: the shell under test instead
    ( setsid sh -c "echo \$\$ >\"\$STUB_STATE/unit\"; exec \"\$@\"" sh $TEST_SHELL "$@" ) || :
    [ -z "$stop" ] || $TEST_SHELL ${stop#/bin/sh }
  ' sh "$stop_post" "$@" </dev/null >/dev/null 2>&1 &
}

systemctl_() {
  [ "$1" != --no-reload ] || shift
  case $1 in
    enable)
      [ -d "$CONVERGE_ROOT/etc/systemd/system/multi-user.target.wants" ] || mkdir "$CONVERGE_ROOT/etc/systemd/system/multi-user.target.wants"
      ln -sf "../$2" "$CONVERGE_ROOT/etc/systemd/system/multi-user.target.wants/$2"
      ;;
    disable) rm -f "$CONVERGE_ROOT/etc/systemd/system/multi-user.target.wants/$2" ;;
  esac
}
