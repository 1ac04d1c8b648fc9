import type { ReturnChange } from "../model/change.js";
import { layeredDisks } from "../checks/layered.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import { formatBytes } from "../model/bytes.js";
import type { ReturnWish } from "../diff/diff-return.js";
import { formatInstant } from "../render/figures.js";

/** The guest writes to its image again: what is laid over that reads what it has not changed itself from there. */
export function clonesAtStake(change: ReturnChange, wish: ReturnWish, state: HostState): readonly Diagnostic[] {
  if (change.change !== "return-disk") return [];
  const { domain, vdev, image } = change;
  const disks = layeredDisks(state, image);
  if (disks.length === 0) return [];
  return [{
    severity: "warning", code: "image-laid-over", at: wish.at, subject: { host: state.host.name, domain, vdev },
    summary: `a disk of a guest may be laid over ${image.path}, which ${domain} will write to again`,
    detail: disks.join("\n"), fix: "Find out what those disks are laid over (qemu-img info) before you go on: a clone of it would be worthless.",
  }];
}

/** The plain word about what is given up. */
export function atStake(change: ReturnChange, wish: ReturnWish, host: string): readonly Diagnostic[] {
  const { domain, vdev, volume, since, removeVolume } = change;
  const when = since === undefined ? "since it was moved there" : `since ${formatInstant(since)}`;
  const given = (summary: string, detail: string, fix: string): readonly Diagnostic[] =>
    [{ severity: "warning", code: "writes-given-up", at: wish.at, subject: { host, domain, vdev }, summary, detail, fix }];
  if (change.change === "finish-return") {
    if (change.carried || !removeVolume) return [];
    return given(
      `everything that ${domain} wrote to ${vdev} ${when}, until it was back on its image, will be lost`,
      `${change.image} has not got it, and it is destroyed with ${volume.name}`, "Without --remove-volume the volume is kept.",
    );
  }
  if (change.carry !== "nothing") return [];
  const much = change.writtenBytes === undefined
    ? "how much that is, nobody counted"
    : `${formatBytes(change.writtenBytes)} since its last start alone`;
  return given(
    `everything that ${domain} wrote to ${vdev} ${when} will be missing from its disk`,
    removeVolume ? `${much}; it is destroyed with ${volume.name}` : `${much}; it stays on ${volume.name}, which is kept`,
    "Add --carry-back to take it along.",
  );
}
