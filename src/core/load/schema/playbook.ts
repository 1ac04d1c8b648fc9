import type { FromSchema } from "json-schema-to-ts";
import { strategies } from "../../strategies/registry.js";
import type { Strategy } from "../../strategies/strategy.js";

/**
 * The playbook's JSON Schema: the one place that says what may stand in one. Types come from it, complaints are made
 * from it (description, examples, title), `converge schema` prints it for editors. It holds no anyOf and no oneOf: a
 * value that may be of two types says so with `type`, so one mistake gives one complaint.
 */

const SIZE = "^\\s*\\d+(\\.\\d+)?\\s*([bB]|[kKmMgGtT]([iI]?[bB])?)\\s*$";
const DAY = "([Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at|[Ss]un)";
const DAYS = `${DAY}(-${DAY})?(\\s*,\\s*${DAY}(-${DAY})?)*`;
const TIME = "([01]?\\d|2[0-3]):[0-5]\\d";
const WINDOW = `^\\s*(${DAYS}\\s+)?${TIME}\\s*-\\s*(${TIME}|24:00)\\s*$`;
const DURATION = "^\\s*\\d+(\\.\\d+)?\\s*(ms|s|m|h|d|w)\\s*$";

const size = { type: "string", title: "a size", pattern: SIZE } as const;
const duration = { type: "string", title: "a duration", pattern: DURATION } as const;

const throttleOfDisk = {
  type: "object",
  title: "throttle",
  description: "How much of the host a copy may take. The last pass of a guest that ran before, while it is down, is not throttled; " +
    "where there is only one pass, it is.",
  additionalProperties: false,
  properties: {
    nice: {
      type: "integer", minimum: 0, maximum: 19, examples: [19],
      description: "Priority on the processor, as nice(1) takes it: 0 is normal, 19 gives way to everything.",
    },
    ionice: {
      type: "string", enum: ["idle", "best-effort", "none"], examples: ["idle"],
      description: "Scheduling class on the disk, as ionice(1) names it. Only some IO schedulers heed it.",
    },
    bandwidth: {
      // of a size nobody speaks in bits, and of a rate whoever deals with networks does: 100Mb/s
      ...size, examples: ["40MiB/s"], title: "a rate", pattern: "^\\s*\\d+(\\.\\d+)?\\s*(B|[kKmMgGtT]([iI]?B)?)/s\\s*$",
      description: "The most that a copy may write in a second, such as 40MiB/s.",
    },
  },
} as const;

const throttle = {
  ...throttleOfDisk,
  properties: {
    ...throttleOfDisk.properties,
    weight: {
      type: "integer", minimum: 1, maximum: 10000, examples: [50],
      description: "IOWeight of the run's systemd unit, 1 to 10000; other units have 100 unless somebody set it.",
    },
  },
} as const;

const snapshot = {
  type: "object",
  title: "snapshot",
  description: "The snapshot that a copy reads from while the guest runs, and those that a rehearsal writes to.",
  additionalProperties: false,
  properties: {
    size: {
      type: "string", title: "a size or a share", examples: ["20%", "2GiB"],
      pattern: "^\\s*(\\d+(\\.\\d+)?\\s*([bB]|[kKmMgGtT]([iI]?[bB])?)|\\d+(\\.\\d+)?\\s*%)\\s*$",
      description: "Room for what is written while the snapshot stands: a share of the volume that it is of, or a size.",
    },
  },
} as const;

/** Those that a playbook may name. A new one is known here by its file alone. */
const NAMED = Object.values<Strategy>(strategies).filter(({ named }) => named);

const moveOfDisk = {
  strategy: {
    type: "string", enum: ["auto", ...NAMED.map(({ name }) => name)], examples: ["rsync"],
    description: `How the data goes from image to volume. ${NAMED.map(({ name, about }) => `\`${name}\` ${about}; `).join("")}` +
      "`auto` takes the best that fits.",
  },
  source: {
    type: "string", enum: ["keep", "retire", "delete"], examples: ["keep"],
    description: "What becomes of the image afterwards: it stays, it is renamed, or it is deleted.",
  },
  keep_for: {
    ...duration, examples: ["14d"],
    description: "How long an image that was retired is kept, and with it the way back: after this time " +
      "`converge gc` deletes it (without this playbook not before 30d have gone by). Not given: 30d.",
  },
  verify: {
    type: "string", enum: ["fresh", "full"], examples: ["fresh"],
    description: "What is compared before the switch: files that were fresh when a snapshot was taken (fresh), or all files " +
      "(full); of a mirror what it says of itself (fresh), or all blocks, with the guest paused (full).",
  },
  throttle: throttleOfDisk,
} as const;

/** `move:` of a play or a guest. */
export const moveSchema = {
  type: "object",
  title: "move",
  description: "How to move disks. May stand on the play, the domain and the disk; the nearest wins key by key.",
  additionalProperties: false,
  properties: {
    ...moveOfDisk,
    throttle,
    snapshot,
    passes: {
      type: "integer", minimum: 2, maximum: 100, examples: [5],
      description: "The most passes of copying while the guest runs, each from a fresh snapshot. Two at least: the " +
        "second tells how long the last one will take.",
    },
    rehearse: {
      type: ["boolean", "object"], examples: [true], title: "rehearsal",
      description: "Boots a clone of the guest, without network cards, from a snapshot of its copy before the guest itself is " +
        "touched, and throws it away. If it does not come up, nothing is switched (with rsync).",
      additionalProperties: false,
      properties: {
        console: {
          type: "string", title: "a line of text", minLength: 1, maxLength: 200, pattern: "^[^\\r\\n]+$", examples: ["login:"],
          description: "The clone is up once this text has been on its console. Not given: once it has written to a disk.",
        },
        timeout: { ...duration, examples: ["120s"], description: "How long the clone has to come up. Not given: 120s." },
      },
    },
    switch: {
      type: "string", enum: ["restart", "suspend", "migrate", "next-reboot", "auto"], examples: ["suspend"],
      description: "How the guest gets onto the new disk. `restart`: it is shut down and started again. `suspend`: it is " +
        "frozen into Dom0's memory and thawed on the new disk, with its uptime and its connections (not with rsync). " +
        "`migrate`: it is live-migrated to this same host, onto the new disk, where hypervisor and memory allow it (not with " +
        "rsync). `next-reboot`: nothing is done to it; when it next reboots by itself it comes up where it can be mirrored, and the " +
        "run after that moves it (not with rsync). " +
        "`auto`: of what is possible the one with the shortest forecast of downtime where blocks are mirrored, restart otherwise.",
    },
    finish: {
      type: "string", enum: ["now", "window", "deferred"], examples: ["now"],
      description: "When a guest whose blocks were mirrored leaves the device that mirrored them for the volume itself. " +
        "`deferred`: with its next start, by whomever. `now`: in the same run, by a second switch like the first. `window`: so " +
        "too, but the run waits on its host until the clock there lies in the window.",
    },
    window: {
      type: "string", title: "a window of time", pattern: WINDOW, examples: ["02:00-05:00", "Sat,Sun 01:00-05:00"],
      description: "When the second switch of `finish: window` may be made, by the clock of the Dom0: each day, or on the days of " +
        "the week that are named. It may go over midnight; a day is the one on which it begins.",
    },
    downtime: {
      ...duration, examples: ["30s", "2m"],
      description: "The longest that the guest may be down, from the shutdown request until it is ready. If the " +
        "forecast is longer, it is not shut down.",
    },
    offline: {
      type: "boolean", examples: [true],
      description: "Permits a guest to be down for the whole copy, where its image can not be read consistently otherwise. " +
        "Where a snapshot of it can be taken, the guest runs on meanwhile all the same.",
    },
    shutdown: {
      type: "object",
      title: "shutdown",
      description: "How the guest is asked to shut down, and for how long.",
      additionalProperties: false,
      properties: {
        timeout: {
          ...duration, examples: ["60s"],
          description: "How long to wait for the guest to obey. After that the move is given up, or see destroy.",
        },
        destroy: {
          type: "boolean", examples: [false],
          description: "Destroy a guest that does not obey in time. It loses what it has not written: false unless said.",
        },
      },
    },
  },
} as const;

const disk = {
  type: "object",
  title: "disk",
  description: "One disk of the guest, by its name in the guest's config (xvda1), or a glob over them.",
  additionalProperties: false,
  properties: {
    volume: {
      type: "string", title: "a volume", examples: ["vg0/web1-root", "vg0/{{ domain }}-{{ vdev }}"],
      description: "The logical volume that the disk shall live on, as group/name. `domain` and `vdev` may be used.",
    },
    size: {
      ...size, examples: ["2GiB"],
      description: "Size of the volume, with its unit (2GiB, 512MiB). LVM rounds it up to whole extents. Not given: " +
        "the source's size.",
    },
    filesystem: {
      type: "string", enum: ["ext2", "ext3", "ext4", "xfs", "swap"], examples: ["ext4"],
      description: "What is on the disk. Not given: what is found there.",
    },
    move: {
      ...moveSchema,
      description: "How to move this disk: what differs from the domain's and the play's move.",
      properties: moveOfDisk,
    },
  },
} as const;

const ready = {
  type: "object",
  title: "ready",
  description: "When the guest counts as up: a TCP port answers, or a command succeeds; both are tried from Dom0. " +
    "Not given: it has been running for ten seconds.",
  additionalProperties: false,
  properties: {
    tcp: { type: "integer", minimum: 1, maximum: 65535, examples: [22], description: "The port that must answer." },
    address: {
      type: "string", minLength: 1, pattern: "^[A-Za-z0-9][A-Za-z0-9.:%_-]*$|^::", title: "an address", examples: ["192.0.2.10"],
      description: "Where the port is. Not given: the ip= of the guest's first vif.",
    },
    command: {
      type: ["string", "array"], minLength: 1, minItems: 1, items: { type: "string", title: "a word" },
      examples: [["curl", "-fsS", "http://192.0.2.10/"]],
      description: "The command that must succeed on Dom0: a list of words, or text split into words as a shell does. " +
        "No shell runs it.",
    },
    timeout: {
      ...duration, examples: ["60s"], description: "How long to try. Not given: 60s.",
    },
  },
} as const;

const domain = {
  type: "object",
  title: "domain",
  description: "One guest by its name, or a glob over the guests found on the host. An exact name beats a glob.",
  additionalProperties: false,
  properties: {
    disks: {
      type: "object", title: "disks",
      description: "The guest's disks: xvda1, or a glob. What is not named stays as it is.",
      additionalProperties: disk,
    },
    ready,
    move: moveSchema,
  },
} as const;

const play = {
  type: "object",
  title: "play",
  description: "What shall hold on the guests of some hosts.",
  additionalProperties: false,
  required: ["hosts"],
  properties: {
    name: { type: "string", examples: ["Web guests live on LVM"], description: "What the play is for; shown while it runs." },
    hosts: {
      type: ["string", "array"], items: { type: "string", title: "a host pattern" }, minLength: 1, minItems: 1,
      title: "a host pattern", examples: ["xen"],
      description: "The hosts (Dom0s), as Ansible's patterns name them: a group, a host, xen:&prod:!dom0b.",
    },
    serial: {
      type: ["integer", "string"], minimum: 1, pattern: "^\\s*([1-9]\\d*|[1-9]\\d?%|100%)\\s*$", title: "a number of hosts or a share up to 100%",
      examples: [1, "30%"],
      description: "How many hosts at a time: a number, or a share of the play's hosts. Not given: one at a time.",
    },
    any_errors_fatal: {
      type: "boolean", examples: [true],
      description: "Stop the play at the first failure. This is so unless max_fail_percentage is given.",
    },
    max_fail_percentage: {
      type: "number", minimum: 0, maximum: 100, examples: [25],
      description: "Go on with the next hosts while no more than this share of a batch has failed.",
    },
    vars: {
      type: "object", title: "vars", additionalProperties: true,
      description: "Variables of this play. They beat the inventory's; -e beats them.",
    },
    domains: {
      type: "object", title: "domains", additionalProperties: domain,
      description: "The guests, by name or glob. What is not named stays as it is.",
    },
    move: moveSchema,
  },
} as const;

export const playbookSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "playbook",
  description: "A converge playbook: a list of plays.",
  type: "array",
  items: play,
} as const;

export type PlayData = FromSchema<typeof play>;
export type DomainData = FromSchema<typeof domain>;
export type DiskData = FromSchema<typeof disk>;
export type ReadyData = FromSchema<typeof ready>;
export type MoveData = FromSchema<typeof moveSchema>;
