import type { ConfiguredDisk } from "../model/domain.js";
import type { AttachedGoal } from "../model/goal.js";
import type { Model } from "../model/model.js";
import type { StepKind } from "../model/step.js";
import { withRunning } from "../model/transform.js";

export interface UpdateStored {
  readonly domain: string;
  /** Configs under converge's own run directory: the one to be stored, and the one that was. */
  readonly file: string;
  readonly oldFile: string;
  readonly disks: readonly ConfiguredDisk[];
  readonly oldDisks: readonly ConfiguredDisk[];
}

/**
 * What xl starts a guest with that reboots itself is not the file in /etc/xen but what it stored
 * (reload_domain_config in tools/xl/xl_vmcontrol.c).
 */
export const updateStored: StepKind<"update-stored", UpdateStored> = {
  kind: "update-stored",
  risk: "safe",
  requires: () => ["xl", "cmp"],
  title: ({ domain }) => `Store ${domain}'s new config with xl: its own reboot uses it`,
  actions: ({ domain, file }) => [{ command: ["xl", "config-update", domain, file] }],
  goals: ({ domain, file, disks }) => [{ goal: "stored", domain, file, disks: targets(disks) }],
  effect: ({ domain, disks }, model) => withStored(model, domain, disks),
  undo: ({ domain, file, oldFile, disks, oldDisks }) => ({
    when: [{ goal: "stored", domain, file, disks: targets(disks) }],
    actions: [{ command: ["xl", "config-update", domain, oldFile] }],
    effect: (model) => withStored(model, domain, oldDisks),
  }),
};

function targets(disks: readonly ConfiguredDisk[]): readonly AttachedGoal[] {
  return disks.filter((disk) => disk.target !== "").map(({ vdev, target }) => ({ vdev, target }));
}

function withStored(model: Model, domain: string, stored: readonly ConfiguredDisk[]): Model {
  const running = model.host.domains[domain]?.running;
  return running === undefined ? model : withRunning(model, domain, { ...running, stored });
}
