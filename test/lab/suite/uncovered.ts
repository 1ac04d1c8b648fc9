/**
 * What the moves of covered.ts do not have, pair by pair, and why: what there can not be, what no test of the lab has, and what
 * `npm run test:lab` leaves to `test:lab:all`. test/docs/lab-coverage.test.ts holds each list against the rows and the planner:
 * what is on none of them is covered, and what is covered meanwhile goes from here.
 */

export interface Gap {
  readonly pairs: readonly string[];
  readonly because: string;
  /**
   * What it would take, in as few moves as there can be: reckoned, not measured, with three minutes for a guest's start, its move
   * (power.lab.ts has how long those take) and its end, and one for a lab of its own.
   */
  readonly minutes: number;
}

export interface Impossible {
  readonly pairs: readonly string[];
  readonly because: string;
  /** The planner refuses it, in the words of `because`; else its plan is another one than was asked for. */
  readonly refused: boolean;
}

/** Each of these with each of those. */
function each(these: readonly string[], those: readonly string[]): readonly string[] {
  return these.flatMap((one) => those.map((other) => `${one} + ${other}`));
}

/** Who makes a device that the guest is taken onto. */
const MIRRORS = ["dm", "md", "md-preseed", "drbd"] as const;

export const IMPOSSIBLE: readonly Impossible[] = [
  {
    pairs: each(["rsync"], ["suspend", "migrate", "next-reboot"]), refused: true,
    because: "its last pass needs a guest that is shut down, not suspended",
  },
  {
    pairs: each(["rsync", ...MIRRORS], ["none"]), refused: false,
    because: "only QEMU goes over to the volume by itself; otherwise the guest is taken there",
  },
  {
    pairs: each(["qemu"], ["restart", "suspend", "migrate", "next-reboot"]), refused: false,
    because: "QEMU goes over to the volume while the guest runs, whatever is said",
  },
  { pairs: ["qemu + down"], because: "the guest is down, and QEMU runs only while it does", refused: true },
  { pairs: ["rsync + partitions"], because: "it is a whole disk with a dos partition table", refused: true },
  { pairs: each(["md", "md-preseed"], ["partitions"]), because: "Dom0's kernel reads the partition table on an array", refused: true },
  {
    pairs: each(["rsync", "qemu"], ["deferred", "now", "window"]), refused: false,
    because: "there is no device in between that the guest would have to leave",
  },
];

/** No test of the lab has these. */
export const NOWHERE: readonly Gap[] = [
  {
    pairs: each(MIRRORS, ["down"]), minutes: 12,
    because: "in the lab a guest that is down goes by files; that it may go by blocks too the laws hold",
  },
  {
    pairs: each(["md", "md-preseed", "drbd"], ["migrate", "next-reboot"]), minutes: 18,
    because: "the steps that take a guest over are the same whoever mirrors, and the lab shows them with dm; with these the laws do",
  },
  {
    pairs: [...each(["rsync", "md", "md-preseed", "drbd", "qemu"], ["pvh"]), ...each(["restart", "next-reboot", "none", "down"], ["pvh"])],
    minutes: 19,
    because: "a PVH guest needs a processor on which every lab boots anew; its disks have the backends of a PV guest's",
  },
  {
    pairs: [
      ...each(["rsync", "md", "md-preseed", "drbd", "qemu"], ["main"]), "pvh + main",
      ...each(["restart", "suspend", "next-reboot", "none", "down"], ["main"]),
    ],
    minutes: 19,
    because: "the builds are taken to differ in shadow paging alone, which the migration of a PV guest takes",
  },
  {
    pairs: [...each(["md-preseed"], ["ext3", "old"]), ...each(["drbd"], ["ext3", "xfs"]), ...each(["qemu"], ["ext3", "xfs", "partitions"])],
    minutes: 21,
    because: "all blocks are carried as they are, whatever is in them",
  },
  {
    pairs: [...each(["dm"], ["now", "window"]), ...each(["md-preseed", "drbd"], ["window"])], minutes: 12,
    because: "the second switch and its wait are the same whoever mirrors, and the lab shows them with md; with dm the laws do",
  },
];

/** These only `npm run test:lab:all` has. */
export const NOT_SAMPLED: readonly Gap[] = [
  {
    pairs: ["dm + main", "migrate + pv", "migrate + main", "pv + main"], minutes: 4,
    because: "a lab of its own, on the other build; a migration is there with a PVH guest",
  },
  {
    pairs: ["dm + next-reboot", "next-reboot + pv", "next-reboot + security"], minutes: 3,
    because: "two runs and a reboot of the guest's own",
  },
  { pairs: ["suspend + pvh"], minutes: 3, because: "the same as of a PV guest, but for what xl saves" },
  {
    pairs: each(["md", "drbd"], ["restart", "several", "ext4", "swap", "deferred"]), minutes: 6,
    because: "md-preseed goes so in it, with web1, and md and drbd in two suspensions",
  },
  {
    pairs: ["md-preseed + suspend", "md-preseed + now", "md-preseed + one", "md-preseed + xfs"], minutes: 3,
    because: "md and drbd go so in it, and md-preseed in a restart",
  },
  {
    pairs: ["dm + restart", "dm + ext3", "dm + old", "dm + xfs", "dm + partitions"], minutes: 12,
    because: "dm goes in it with a suspension and a migration, which copy all blocks whatever is in them",
  },
  {
    pairs: ["rsync + ext3", "rsync + xfs"], minutes: 6,
    because: "each with a file system made anew and one guest more: ext4 is what most have",
  },
  {
    pairs: ["md + ext3", "md + xfs", "drbd + partitions", "qemu + old", "qemu + one"], minutes: 12,
    because: "all blocks are carried as they are, whatever is in them, and one disk as each of several",
  },
  { pairs: ["md + window"], minutes: 4, because: "a lab of its own, whose clock is turned" },
];
