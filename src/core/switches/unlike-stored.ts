import { formatBytes } from "../model/bytes.js";
import type { Domain, DomainConfig } from "../model/domain.js";
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
  const stored = (running?.settled ?? []).flatMap(({ by, settled: stored }) =>
    differences(settled, stored).map(({ what, here, there }) => ({ what, line: `${what}: ${config.path} has ${here}, what ${by} has stored ${there}` })));
  return [...stored, ...otherDevices(config, running?.devices)];
}

/** What was plugged in, or is numbered as no config can say. How many cards there are is for who derives the config to compare. */
function otherDevices({ path, settled }: DomainConfig, devices: readonly string[] | undefined): readonly Unlike[] {
  if (devices === undefined) return [];
  const of = (kind: string): readonly string[] => devices.filter((device) => device.startsWith(`${kind}/`));
  const numbers = of("vif").map((card) => Number(card.slice(4))).sort((a, b) => a - b);
  const counted = Object.entries(settled?.devices ?? {}).flatMap(([kind, count]): readonly Unlike[] => {
    const found = of(kind).length;
    return found === count ? [] : [{ what: kind, line: `${kind}: ${path} has ${count}, the guest ${found}` }];
  });
  if (numbers.every((number, at) => number === at)) return counted;
  return [
    ...counted,
    { what: "network cards", line: `network cards: the guest has them as ${numbers.join(", ")}, and built anew it would have 0 to ${numbers.length - 1}` },
  ];
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
