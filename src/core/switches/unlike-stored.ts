import { formatBytes } from "../model/bytes.js";
import type { Domain } from "../model/domain.js";
import { differences, isSameMemory } from "../xl/settled.js";

/** One thing that a running guest's config has otherwise than what is stored of the guest, or than the guest has it now. */
export interface Unlike {
  readonly what: string;
  /** In a line, with both. */
  readonly line: string;
}

/**
 * Where the config of a running guest has been changed since it was built, disks apart. A config that is made of it and stored
 * with xl would bring the guest's own reboot what nobody has applied yet.
 */
export function unlikeStored({ config, running }: Domain): readonly Unlike[] {
  const settled = config?.settled;
  if (config === undefined || settled === undefined) return [];
  return (running?.settled ?? []).flatMap(({ by, settled: stored }) =>
    differences(settled, stored).map(({ what, here, there }) => ({ what, line: `${what}: ${config.path} has ${here}, what ${by} has stored ${there}` })));
}

/** As {@link unlikeStored}, for one whose memory is restored: it has to fit the config that it is restored with. */
export function unlikeGuest(domain: Domain): readonly Unlike[] {
  const { config, running } = domain;
  const stored = unlikeStored(domain);
  const memory = config?.settled?.memoryKiB;
  if (config === undefined || memory === undefined || running === undefined || stored.some(({ what }) => what === "memory")) return stored;
  // as xl list has it: with what a device model takes, or without
  if (Math.abs(memory - running.memoryKiB) <= 16 * 1024 || isSameMemory(memory, running.memoryKiB)) return stored;
  const line = `memory: ${config.path} has ${formatBytes(memory * 1024)}, the guest has ${formatBytes(running.memoryKiB * 1024)} now`;
  return [...stored, { what: "memory", line }];
}
