# Sourced by lab.sh: the emulated machine.
# shellcheck shell=bash

memory=${LAB_MEMORY:-3072}
accelerator=${LAB_ACCELERATOR:-tcg,thread=multi}
# Dom0's own command line; mitigations cost an emulated processor dearly and protect nothing here.
dom0_arguments='root=/dev/vda rw console=hvc0 net.ifnames=0 mitigations=off quiet loglevel=4'
xen_arguments='dom0_mem=1536M,max:1536M com1=115200,8n1 console=com1 xpti=no spec-ctrl=no'

# Both are known to boot Xen and the kernel under emulation (`max` crashes the Dom0 kernel). Nehalem is enough for PV.
processor() { # takes $cpu
  case ${cpu:-pv} in
    svm) echo Opteron_G3,+svm,+npt ;;
    *) echo Nehalem ;;
  esac
}

machine() { # PORT DISK-OPTIONS… -- QEMU-ARGUMENTS…: starts it in the background, or says why not
  local port=$1 disks=()
  shift
  while [[ $1 != -- ]]; do disks+=(-drive "$1,if=virtio,discard=unmap,detect-zeroes=unmap"); shift; done
  shift
  # restrict=on: nothing inside reaches further than the machine that runs it.
  (
    # The descriptor of the images' lock, if this process holds it, is not for QEMU, which outlives us.
    if [[ -n ${lock:-} ]]; then exec {lock}>&-; fi
    # Ahead of other work where that is allowed: libxl gives a hotplug script 40 s, which an emulated
    # processor that gets a sixth of a core does not meet.
    if ((UID == 0)); then renice -n "${LAB_NICE:--10}" -p "$BASHPID" >/dev/null; fi
    exec qemu-system-x86_64 -name "$name" -accel "$accelerator" -cpu "$(processor)" -smp 2 -m "$memory" \
      -nodefaults -no-user-config -display none -vga none \
      "${disks[@]}" \
      -netdev "user,id=outside,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=outside,romfile= \
      -object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng \
      -chardev "file,id=console,path=$console,append=on" -serial chardev:console \
      -qmp "unix:$run/qmp,server=on,wait=off" -pidfile "$run/qemu.pid" -daemonize "$@"
  ) || return
  # Linux weighs sessions against each other (autogroup), and inside of them only is it the nice value that counts.
  local autogroup
  autogroup=/proc/$(<"$run/qemu.pid")/autogroup
  if ((UID == 0)) && [[ -w $autogroup ]]; then echo "${LAB_NICE:--10}" >"$autogroup"; fi
}

# A free port is found by taking it: between asking and using, another lab might.
machine_on_free_port() { # arguments as machine, without the port; sets $port
  local tries=0 complaint
  while ((tries++ < 20)); do
    port=$((20000 + RANDOM % 12000))
    if complaint=$(machine "$port" "$@" 2>&1); then return 0; fi
    [[ $complaint == *'host forwarding'* ]] || fail "qemu did not start: $complaint"
  done
  fail "found no free port: $complaint"
}

running() { # is the lab's QEMU there? The name is compared, as a number may have been given to another.
  local pid command
  [[ -f $run/qemu.pid ]] || return 1
  pid=$(<"$run/qemu.pid")
  [[ -r /proc/$pid/cmdline ]] || return 1
  command=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || return 1
  if [[ -n $command ]]; then
    [[ $command == *"-pidfile $run/qemu.pid "* ]]
  else
    dying "$pid"
  fi
}
# A process that is killed loses its command line first, then gives back gigabytes, and only then lets go of its locks
# (of the PID file, of the disks), which the next QEMU asks for. What nobody has waited for yet holds none any more.
dying() { # PID
  local state tasks
  state=$(cat "/proc/$1/stat" 2>/dev/null) && [[ $state == "$1 (qemu-"* ]] || return 1
  tasks=("/proc/$1/task/"*)
  [[ ${state##*) } != [ZX]* ]] || ((${#tasks[@]} > 1))
}
stopped() { ! running; }

power_cut() { # what a power failure does: no flush, no goodbye
  running || return 0
  local pid
  pid=$(<"$run/qemu.pid")
  kill -KILL "$pid"
  until_true 20 stopped || fail "QEMU $pid does not die"
}

write_ssh_config() { # KEYS: uses $run, $port
  install -m 0600 "$1/id" "$run/id"
  {
    printf '[127.0.0.1]:%s ' "$port"
    cut -d ' ' -f 1,2 "$1/host.pub"
  } >"$run/known_hosts"
  cat >"$run/ssh_config" <<CONFIG
Host dom0
  HostName 127.0.0.1
  Port $port
  User root
  IdentityFile "$run/id"
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "$run/known_hosts"
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 10
  ServerAliveInterval 15
  ServerAliveCountMax 8
  LogLevel ERROR
CONFIG
}

on_dom0() { ssh -F "$run/ssh_config" dom0 "$@"; }
answers() { on_dom0 true 2>/dev/null; }
answers_or_died() { answers || stopped; }

wait_for_ssh() { # SECONDS
  until_true "$1" answers_or_died || { tail -5 "$console" >&2; fail "Dom0 did not answer on ssh within $1 s: see $console"; }
  running || { tail -20 "$console" >&2; fail "the machine stopped by itself: see $console"; }
}

provision() { # DIRECTORY: boots the plain kernel (no Xen: quicker) on the new disks, and lets Dom0 make the guests'
  local run=$1/run console=$1/provision.log name=provision cpu=pv port
  mkdir -p -m 0700 "$run"
  # Whatever ends this run ends the machine with it. (The paths are expanded now: they are local.)
  # shellcheck disable=SC2064
  trap "run=$(printf %q "$run") power_cut" EXIT
  machine_on_free_port "file=$1/dom0.img,format=raw,cache=unsafe" "file=$1/vg0.img,format=raw,cache=unsafe" \
    "file=$1/vg1.img,format=raw,cache=unsafe" -- \
    -kernel "$1/vmlinux" -initrd "$1/initrd" \
    -append "${dom0_arguments/hvc0/ttyS0} systemd.mask=srv-xen.mount systemd.mask=xen.service systemd.mask=xendomains.service systemd.mask=lab-autostart.service"
  write_ssh_config "$1/keys"
  wait_for_ssh 300
  # The way back is through systemd: ssh may be cut before it says how it ended.
  if ! on_dom0 /usr/local/lib/lab/provision >>"$console" 2>&1; then
    tail -20 "$console" >&2
    return 1
  fi
  on_dom0 'systemctl poweroff --no-block'
  until_true 120 stopped || fail "the machine does not power off: see $console"
  trap - EXIT
  rm -rf "$run"
}
