import { layeredDisks } from "../checks/layered.js";
import { losersOfVolume } from "../checks/users.js";
import type { ReturnChange } from "../model/change.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import type { ReturnWish } from "../diff/diff-return.js";

/** A volume that is anybody else's too, that a snapshot was taken of, or that a clone may be laid over is not removed with what it was asked for. */
export function whyNotRemove(change: ReturnChange, wish: ReturnWish, state: HostState): readonly Diagnostic[] {
  const { domain, vdev, volume, removeVolume } = change;
  const users = removeVolume
    ? [...losersOfVolume(volume.name, { domain, vdev }, state), ...layeredDisks(state, volume)]
    : [];
  if (users.length === 0) return [];
  return [{
    severity: "error", code: "volume-in-use", at: wish.at, subject: { host: state.host.name, domain, vdev },
    summary: `${volume.name} can not be removed: it may not be ${domain}'s alone`, detail: users.join("\n"),
    fix: "Free it first, or leave --remove-volume away: the volume is kept.",
  }];
}
