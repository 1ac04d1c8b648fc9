import type { Command } from "./command.js";
import { booksDirectory, safeName, unitName } from "./names.js";

/** Where a run keeps its books, its program among them. */
export function booksOfRun(domain: string, stamp: string): string {
  return `${booksDirectory(domain)}/runs/${stamp}`;
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
