import type { ConfiguredDisk } from "../model/domain.js";
import { builtWith, startedFromConfig } from "../model/guest.js";
import type { StepKind } from "../model/step.js";

export interface MigrateGuest {
  readonly domain: string;
  /** The guest's own config: what it is started from where nothing better is left. */
  readonly config: string;
  /** Names the new disks, and who the guest is. */
  readonly to: string;
  readonly disks: readonly ConfiguredDisk[];
}

/**
 * A live migration to this very host: a second copy of the guest is built with the new disks while the first one runs
 * on, takes over its memory, and stays paused until the first one and its backends are really gone. A write that the
 * first one's backend still had under way would else land after one of the second's.
 */
export const migrateGuest: StepKind<"migrate-guest", MigrateGuest> = {
  kind: "migrate-guest",
  risk: "disruptive",
  requires: ["xl", "xenstore-ls", "systemd-run"],
  title: ({ domain, to }) => `Migrate ${domain} to this host, with the disks of ${to}, paused`,
  actions: ({ domain, to, disks }) => [
    {
      verb: ["migrate_guest", domain, ...disks.filter((disk) => disk.target !== "").flatMap(({ vdev, target }) => [vdev, target])],
      // with no program to reach another host by, the last word is what runs at the other end (xl_migrate.c)
      command: ["xl", "migrate", "-C", to, "-s", "", "--", domain, "exec xl migrate-receive -p"],
    },
  ],
  // whether the copy or the first one has it, and which is whole, is more than a goal can say: the verb looks
  goals: () => [],
  effect: ({ domain, disks }, model) => builtWith(model, domain, disks),
  undo: ({ domain, config }) => ({
    when: [],
    actions: [
      { verb: ["settle_migration", domain, config], shown: `let the one copy of ${domain} run on that is whole, and destroy the other` },
    ],
    effect: (model) => startedFromConfig(model, domain),
  }),
};
