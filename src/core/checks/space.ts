import { formatApart, formatBytes } from "../model/bytes.js";
import type { HostState } from "../model/host-state.js";
import type { VolumeRole } from "../model/names.js";
import { roleOfTags, safeName } from "../model/names.js";
import { isPlanned } from "../model/storage.js";
import type { Check } from "./check.js";

/** What takes room and is no guest's disk. */
const WORDS: Readonly<Record<Exclude<VolumeRole, "disk">, string>> = {
  copy: "a copy that a run began", former: "left when its guest went back to its image", snapshot: "a snapshot of a run's",
};
/** More of them are only counted. */
const NAMED = 6;

export const space: Check = {
  code: "not-enough-space",
  about: "a volume group must have room for the new volumes and for the snapshot of a pass",
  run: ({ estimate, domain, state }) =>
    estimate.spaceNeeded.filter(({ bytes, freeBytes }) => bytes > freeBytes).map(({ group, bytes, freeBytes }) => {
      const [free, needed] = formatApart(freeBytes, bytes);
      return {
        summary: `${group} has ${free} free, and ${domain.name} needs ${needed}`,
        detail: ["counted are the new volumes and the room for changes in snapshots", ...taking(group, domain.name, state)].join("\n"),
        fix: `Free or add space in ${group}, or ask for a smaller size or snapshot.`,
      };
    }),
};

/**
 * Volumes of converge's own there that are no guest's disks, and those that guests before this one are to get: the largest first.
 * What is thin takes its room in a pool, and a copy of this guest's own is gone on with.
 */
function taking(group: string, guest: string, { volumes }: HostState): readonly string[] {
  const there = Object.values(volumes).filter(({ name, kind, tags }) =>
    name.startsWith(`${group}/`) && kind !== "thin" && !(roleOfTags(tags) === "copy" && tags.includes(`converge.domain=${safeName(guest)}`)));
  const found = there.flatMap((volume) => {
    const role = roleOfTags(volume.tags);
    const what = isPlanned(volume) ? "for a guest whose turn is before this one's" : role === undefined || role === "disk" ? undefined : WORDS[role];
    return what === undefined ? [] : [{ ...volume, what }];
  }).sort((a, b) => b.bytes - a.bytes);
  if (found.length === 0) return [];
  const rest = found.slice(NAMED);
  return [
    "what converge has in it, or will by then:",
    ...found.slice(0, NAMED).map(({ name, bytes, what }) => `  ${name}, ${formatBytes(bytes)}: ${what}`),
    ...(rest.length === 0 ? [] : [`  and ${rest.length} more, ${formatBytes(rest.reduce((sum, { bytes }) => sum + bytes, 0))}`]),
  ];
}
