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
    pairs: each(["dm", "md-preseed"], ["window"]), minutes: 7,
    because: "the second switch and its wait are the same whoever mirrors, and the lab shows them with md and drbd; with these the laws do",
  },
];

/** These only `npm run test:lab:all` has. */
export const NOT_SAMPLED: readonly Gap[] = [
  {
    pairs: [
      ...each(["dm", "md", "md-preseed", "drbd", "qemu"], ["main"]), ...each(["suspend", "migrate", "next-reboot", "none"], ["main"]),
      "migrate + pv", "pvh + main", "down + security",
    ],
    minutes: 22,
    because: "a lab of its own, on the other build, which is taken to differ in shadow paging alone; a migration is there with a PVH guest",
  },
  {
    pairs: [...each(["rsync", "md", "md-preseed", "drbd", "qemu"], ["pvh"]), ...each(["restart", "suspend", "next-reboot", "none", "down"], ["pvh"])],
    minutes: 19, because: "its disks have the backends of a PV guest's, and what differs is how it starts and what xl saves",
  },
  {
    pairs: [
      ...each(["rsync", ...MIRRORS, "qemu", "restart", "suspend", "migrate", "next-reboot", "none", "down"], ["hvm"]),
      ...each(["hvm"], ["security", "main"]),
    ],
    minutes: 19, because: "as with PVH guests: while its own drivers serve its disks, they have the same backends",
  },
  {
    pairs: each(["dm", "md", "md-preseed", "drbd"], ["down"]), minutes: 12,
    because: "in it a guest that is down goes by files",
  },
  {
    pairs: [...each(["md", "md-preseed", "drbd"], ["migrate"]), ...each(["dm", "md", "md-preseed", "drbd"], ["next-reboot"]), "next-reboot + pv", "next-reboot + security"],
    minutes: 21, because: "the steps that take a guest over are the same whoever mirrors; and a reboot of the guest's own takes two runs",
  },
  {
    pairs: each(["md", "drbd"], ["restart", "several", "ext4", "swap", "deferred"]), minutes: 6,
    because: "md-preseed goes so in it, with web1, and md and drbd in two suspensions",
  },
  {
    pairs: ["md-preseed + suspend", "md-preseed + now", "md-preseed + one", "dm + now"], minutes: 6,
    because: "md and drbd go so in it, and md-preseed in a restart",
  },
  { pairs: ["dm + restart"], minutes: 3, because: "rsync and md-preseed go so in it, and dm with a suspension and a migration" },
  {
    pairs: [
      ...each(["dm"], ["ext3", "old", "xfs", "partitions"]), ...each(["md", "drbd"], ["ext3", "xfs"]), ...each(["md-preseed"], ["ext3", "old", "xfs"]),
      ...each(["qemu"], ["ext3", "old", "xfs", "partitions"]), "drbd + partitions", "qemu + one",
    ],
    minutes: 50, because: "all blocks are carried as they are, whatever is in them, and one disk as each of several",
  },
  {
    pairs: ["rsync + ext3", "rsync + xfs"], minutes: 6,
    because: "each with a file system made anew and one guest more: ext4 is what most have",
  },
  { pairs: each(["md", "drbd"], ["window"]), minutes: 4, because: "a lab of its own, whose clock is turned" },
];
