import { formatBytes } from "../model/bytes.js";
import type { Check } from "./check.js";

export const space: Check = {
  code: "not-enough-space",
  about: "a volume group must have room for the new volumes and for the snapshot of a pass",
  run: ({ estimate, domain }) =>
    estimate.spaceNeeded.filter(({ bytes, freeBytes }) => bytes > freeBytes).map(({ group, bytes, freeBytes }) => ({
      summary: `${group} has ${formatBytes(freeBytes)} free, and ${domain.name} needs ${formatBytes(bytes)}`,
      detail: "counted are the new volumes and the room for changes in snapshots",
      fix: `Free or add space in ${group}, or ask for a smaller size or snapshot.`,
    })),
};
