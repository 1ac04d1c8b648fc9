import { quoteCommand } from "../model/command.js";
import type { ConfiguredDisk } from "../model/domain.js";
import { verdict } from "../goals/verdict.js";
import type { AttachedGoal } from "../model/goal.js";
import { isOwnPath } from "../model/mapping.js";
import type { Model } from "../model/model.js";
import type { StepKind } from "../model/step.js";
import { withRunning } from "../model/transform.js";
import { sameVdev } from "../xl/vdev.js";

export interface UpdateStored {
  readonly domain: string;
  /** Configs under converge's own run directory: the one to be stored, and the one that was. */
  readonly file: string;
  readonly oldFile: string;
  readonly disks: readonly ConfiguredDisk[];
  readonly oldDisks: readonly ConfiguredDisk[];
  /** Hex SHA-256 of what `xl config-update` had stored when this was planned: it is not somebody else's. */
  readonly known?: string;
}

/**
 * What xl starts a guest with that reboots itself is not the file in /etc/xen but what it stored
 * (reload_domain_config in tools/xl/xl_vmcontrol.c).
 */
export const updateStored: StepKind<"update-stored", UpdateStored> = {
  kind: "update-stored",
  risk: "safe",
  requires: ["xl", "cmp"],
  title: ({ domain }) => `Store ${domain}'s new config with xl: its own reboot uses it`,
  actions: ({ domain, file, oldFile, known }) => [
    // which replaces all that was stored, also what somebody else did meanwhile: the verb looks for that. No `--`: its first word
    // is the guest, whatever it begins with (main_config_update in tools/xl/xl_misc.c).
    { verb: ["update_stored", domain, file, oldFile, known ?? "-"], command: ["xl", "config-update", domain, file] },
  ],
  goals: ({ domain, file, disks }) => [{ goal: "stored", domain, file, disks: targets(disks) }],
  effect: ({ domain, disks }, model) => withStored(model, domain, disks),
  undo: ({ domain, file, oldFile, disks, oldDisks }) => ({
    when: [{ goal: "stored", domain, file, disks: targets(disks) }],
    actions: [
      {
        verb: ["restore_stored", domain, oldFile, ...volumesOf(disks, oldDisks).flatMap(({ vdev, target }) => [vdev, target])],
        shown: `${quoteCommand(["xl", "config-update", domain, oldFile])}, unless ${domain} has come up on its new disks meanwhile`,
      },
    ],
    effect: (model) => {
      const volumes = volumesOf(disks, oldDisks);
      // it has rebooted by itself: what it had before is left behind, and a device that mirrored it goes
      if (volumes.length > 0 && verdict({ goal: "attached", domain, disks: volumes }, model) === "done") return model;
      return withStored(model, domain, oldDisks);
    },
  }),
};

/** Disks that are new, but for devices that mirror one: these lie on the old disk. */
function volumesOf(disks: readonly ConfiguredDisk[], oldDisks: readonly ConfiguredDisk[]): readonly AttachedGoal[] {
  return targets(disks).filter(({ vdev, target }) =>
    !isOwnPath(target) && !oldDisks.some((old) => sameVdev(old.vdev, vdev) && old.target === target));
}

function targets(disks: readonly ConfiguredDisk[]): readonly AttachedGoal[] {
  return disks.filter((disk) => disk.target !== "").map(({ vdev, target }) => ({ vdev, target }));
}

function withStored(model: Model, domain: string, stored: readonly ConfiguredDisk[]): Model {
  const running = model.host.domains[domain]?.running;
  return running === undefined ? model : withRunning(model, domain, { ...running, stored });
}
