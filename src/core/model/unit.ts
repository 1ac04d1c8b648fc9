import type { Command } from "./command.js";
import { booksDirectory, safeName, unitName } from "./names.js";

/** Where a run keeps its books, its program among them. */
export function booksOfRun(domain: string, stamp: string): string {
  return `${booksDirectory(domain)}/runs/${stamp}`;
}

/** Removes a run from the books, as `forget_old_runs` does in runtime/submit.sh, and `gc`. */
export function forgetCommand(domain: string, stamp: string): Command {
  return ["rm", "-rf", "--", booksOfRun(domain, stamp)];
}

/**
 * Starts a run on its host, in a unit of its own that no connection is needed for (systemd-run(1), systemd.service(5)).
 * Whatever ends it, its own recovery comes after it; and it comes after xendomains, so that at a shutdown it is ended, and
 * brings its guest back, before guests are saved.
 * @param directory the run's, as {@link booksOfRun} gives it
 * @param ioWeight 1 to 10000 (systemd.resource-control(5)); unset: the default, 100
 */
export function unitCommand(domain: string, directory: string, ioWeight?: number): Command {
  const properties = [
    `Description=converge: move the guest ${safeName(domain)}`,
    "KillMode=control-group", "TimeoutStopSec=900", "SendSIGHUP=no",
    "After=xen.service", "After=xendomains.service", "After=xenstored.service", "After=xenconsoled.service",
    `ExecStopPost=/bin/sh ${directory}/program.sh recover`,
    ...(ioWeight === undefined ? [] : [`IOWeight=${ioWeight}`]),
  ];
  return [
    "systemd-run", "--quiet", "--collect", `--unit=${unitName(domain)}`,
    ...properties.flatMap((property) => ["-p", property]), "/bin/sh", `${directory}/program.sh`, "run",
  ];
}

/**
 * Put before each command that makes a guest, which then has a scope of its own: nothing of the run's end touches its keeper.
 * The runtime does so (`scoped` in verbs/guest.sh), and numbers the scopes.
 */
export function scopeCommand(domain: string): Command {
  const name = safeName(domain);
  return [
    "systemd-run", "--scope", "--collect", "--quiet", `--unit=converge-guest-${name}-TIME-PID-NUMBER`,
    `--description=the keeper of the guest ${name}`, "--",
  ];
}

/** Stands in a text for the directory of the run, which nobody knows before it is submitted: the runtime puts it in. */
export const RUN_MARK = "@RUN@";

/**
 * The unit that looks after a guest when Dom0 reboots in mid-run, line by line (systemd.service(5)): before xendomains, which would
 * start or restore it. A run that was undone ends with a code of its own, and the unit has done its work all the same: it ends with 0.
 * A `-` before the command would not do: the undo takes the unit's file away, and systemd forgets what it said (seen).
 * @param directory the run's, as {@link booksOfRun} gives it, or {@link RUN_MARK}
 */
export function bootUnitText(domain: string, directory: string): readonly string[] {
  return [
    "[Unit]",
    `Description=converge: bring ${safeName(domain)} back after a reboot in mid-run`,
    "After=local-fs.target network.target network-online.target systemd-udevd.service dbus.service",
    "After=xen.service xenstored.service xenconsoled.service xen-init-dom0.service xen-qemu-dom0-disk-backend.service",
    "Before=xendomains.service",
    "",
    "[Service]",
    "Type=oneshot",
    `ExecStart=/bin/sh -c '/bin/sh ${directory}/program.sh recover; exit 0'`,
    "TimeoutStartSec=900",
    "KillMode=process",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
  ];
}
