import { readFileSync } from "node:fs";
import { Lab } from "../lab/lab.js";
import { boots, startGuest, stopGuest, waitForConsole } from "../lab/lab-guests.js";
import { Converge, onVolumes } from "../lab/suite/converge.js";
import { journal } from "../lab/suite/on-host.js";

/**
 * One guest of one size moved in each way in the lab, each by a plain script of the same tools and by converge: one boot,
 * by turns, and the best of each over the rounds.
 */

export interface MoveTimes {
  /** Seconds, preview and questions to the host included. */
  readonly total: number;
  readonly downtime: number;
  /** How often the guest booted. */
  readonly restarts: number;
  /** Written to the volume; a script does not say. */
  readonly bytes?: number;
}

/** A way to move the guest, by hand and by converge. */
export interface MoveWay {
  readonly name: string;
  readonly byHand?: MoveTimes;
  readonly converge: MoveTimes;
}

type SwitchOver = "restart" | "suspend";

interface Way {
  readonly script?: readonly [file: string, switchOver?: SwitchOver];
  readonly disk?: Readonly<Record<string, unknown>>;
  /** How much larger than the image the volume is to be. */
  readonly larger?: number;
  readonly move: Readonly<Record<string, unknown>>;
  /** Which of the lab's configs the guest runs from: its disk served by the kernel, or by QEMU. */
  readonly config?: "web1" | "web1-qdisk";
}

const MIB = 1024 ** 2;
/** The lab's web1, as it comes. */
export const IMAGE_BYTES = 128 * MIB;

/** The eleven steps first: all others are held against them. */
const WAYS: Readonly<Record<string, Way>> = {
  rsync: { script: ["rsync"], disk: { filesystem: "ext4" }, larger: 32 * MIB, move: { strategy: "rsync", passes: 2 } },
  "md, restart": { script: ["md", "restart"], move: { strategy: "md", switch: "restart", finish: "now" } },
  "md, suspend": { script: ["md", "suspend"], move: { strategy: "md", switch: "suspend", finish: "now" } },
  "md-preseed, suspend": { script: ["md-preseed", "suspend"], move: { strategy: "md-preseed", switch: "suspend", finish: "now" } },
  "drbd, suspend": { script: ["drbd", "suspend"], move: { strategy: "drbd", switch: "suspend", finish: "now" } },
  "dm, suspend": { script: ["dm", "suspend"], move: { strategy: "dm", switch: "suspend" } },
  // by hand nobody writes the log that leaves out what is unused
  "dm, restart": { script: ["dm", "restart"], move: { strategy: "dm", switch: "restart" } },
  qemu: { script: ["qemu"], move: { strategy: "qemu" }, config: "web1-qdisk" },
};

const SCRIPTS = "test/bench/by-hand";

/**
 * Seconds by the emulated Dom0's clock or by this machine's: to be compared with each other, and with nothing else.
 * @param only ways that begin so; none are all
 * @param bytes what the guest's disk is enlarged to, half of it in use
 */
export async function compareMoves(rounds: number, only: readonly string[], bytes: number | undefined, told: (line: string) => void): Promise<readonly MoveWay[]> {
  const ways = Object.entries(WAYS).filter(([name]) => only.length === 0 || only.some((word) => name.startsWith(word)));
  if (ways.length === 0) throw new Error(`there is no such way: there are ${Object.keys(WAYS).join("; ")}`);
  const lab = await Lab.up({ name: "bench" });
  const converge = await Converge.at(lab);
  const byHand = async ([file, switchOver]: readonly [string, SwitchOver?]): Promise<MoveTimes> => {
    const booted = await boots(lab, "web1");
    const input = ["common", file].map((name) => readFileSync(`${SCRIPTS}/${name}.sh`, "utf8")).join("");
    const start = performance.now();
    const { stdout } = await lab.run(["sh", "-s", switchOver ?? "restart", String((bytes ?? IMAGE_BYTES) / MIB)], { input, timeoutSeconds: 1800 });
    const total = (performance.now() - start) / 1000;
    const downtime = /^downtime ([0-9.]+)$/m.exec(stdout)?.[1];
    if (downtime === undefined) throw new Error(`the script printed no downtime: ${stdout}`);
    return { total, downtime: Number(downtime), restarts: (await boots(lab, "web1")) - booted };
  };
  const byConverge = async ({ disk, larger, move }: Way): Promise<MoveTimes> => {
    const booted = await boots(lab, "web1");
    const name = await converge.playbook("web1.yml", onVolumes("web1", { xvda1: { ...disk, ...(larger === undefined ? {} : { size: `${String((bytes ?? IMAGE_BYTES) + larger)}B` }) } }, move));
    const start = performance.now();
    const run = await converge.run("-i", "lab.yml", name, "--yes");
    if (run.exitCode !== 0) throw new Error(run.all);
    const total = (performance.now() - start) / 1000;
    const { stdout } = await lab.run("tail -n 1 /var/lib/converge/domains/web1/history.jsonl");
    const past = JSON.parse(stdout) as { readonly downtimeSeconds: number; readonly bytes: number };
    const events = await journal(lab, "web1");
    const waited = downFor(events);
    if (waited !== "") told(`  ${waited}`);
    // QEMU holds a guest's writes back, and never the guest
    const held = events.map(({ message }) => /waited (\d+) ms for its disks/.exec(String(message))?.[1]).find((ms) => ms !== undefined);
    return { total, downtime: held === undefined ? past.downtimeSeconds : Number(held) / 1000, bytes: past.bytes, restarts: (await boots(lab, "web1")) - booted };
  };
  const measured = new Map<string, MoveTimes[]>();
  /** Measured once more, on a guest that has just booted from its image and has been writing for a while. */
  const once = async (name: string, config: string, measure: () => Promise<MoveTimes>): Promise<void> => {
    const lines = (await lab.consoleLog("web1")).split("\n").length - 1;
    await lab.run(["cp", "-p", `/root/${config}.cfg`, "/etc/xen/web1.cfg"]);
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack [0-9]*0$", { skipLines: Math.max(0, lines) });
    const times = await measure();
    measured.set(name, [...(measured.get(name) ?? []), times]);
    told(`${name}: ${times.total.toFixed(1)} s, down for ${times.downtime.toFixed(2)} s, ${times.restarts} restarts`);
    await stopGuest(lab, "web1");
    await lab.run(["sh", "-ec", TIDY], { timeoutSeconds: 120 });
  };
  try {
    if (bytes !== undefined) await lab.run(["sh", "-ec", ENLARGE, "sh", String(bytes)], { timeoutSeconds: 1800 });
    await lab.run(["sh", "-ec", PREPARE], { timeoutSeconds: 600 });
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, way] of ways) {
        const { script, config = "web1" } = way;
        if (script !== undefined) await once(`${name}, by hand`, config, () => byHand(script));
        await once(name, config, () => byConverge(way));
      }
    }
  } finally {
    await converge.remove();
    await lab.down();
  }
  return ways.map(([name]) => {
    const hand = best(measured.get(`${name}, by hand`));
    const ours = best(measured.get(name));
    if (ours === undefined) throw new Error(`${name} was not measured`);
    return { name, converge: ours, ...(hand === undefined ? {} : { byHand: hand }) };
  });
}

/** What the guest waited for, step by step, in seconds. */
function downFor(events: readonly Readonly<Record<string, unknown>>[]): string {
  const down = events.findIndex(({ event }) => event === "down");
  const ready = events.findLastIndex(({ event }) => event === "ready");
  const steps = events.slice(down, ready + 2).filter(({ event }) => event === "done");
  return steps.map(({ id, seconds }) => `${String(id)} ${String(seconds)}`).join(", ");
}

function best(times: readonly MoveTimes[] | undefined): MoveTimes | undefined {
  const last = times?.at(-1);
  if (times === undefined || last === undefined) return undefined;
  return { ...last, total: Math.min(...times.map(({ total }) => total)), downtime: Math.min(...times.map(({ downtime }) => downtime)) };
}

/**
 * Half of it are files that do not compress, of 8 MiB each, and a day old: what was written in the last quarter of an hour converge
 * compares for real in the guest's downtime (docs/adr/0006-distrust-fresh.md), and most of a disk is older than that. Nobody but debugfs can
 * set the time of a file's last change.
 */
const ENLARGE = `
image=/srv/xen/web1/disk.img
truncate -s "$1" "$image"
e2fsck -fp "$image" >/dev/null || [ $? -le 1 ]
resize2fs "$image" >/dev/null 2>&1
mkdir -p /mnt/enlarged
mount -o loop "$image" /mnt/enlarged
n=$(($1 / 16777216))
while [ $n -gt 0 ]; do
  head -c 8388608 /dev/urandom >/mnt/enlarged/filler.$n
  n=$((n - 1))
done
umount /mnt/enlarged
old=$(date -d yesterday +%Y%m%d%H%M%S)
for n in $(seq $(($1 / 16777216))); do
  echo "set_inode_field /filler.$n ctime $old"
  echo "set_inode_field /filler.$n mtime $old"
done | debugfs -w -f - "$image" >/dev/null
e2fsck -fp "$image" >/dev/null || [ $? -le 1 ]
`;

/** The image without holes (DRBD and md take no others), and a config by which QEMU serves it. */
const PREPARE = `
rm -f /etc/xen/auto/*
fallocate --length "$(stat -c %s /srv/xen/web1/disk.img)" /srv/xen/web1/disk.img
cp -p /etc/xen/web1.cfg /root/web1.cfg
sed "s#'file:/srv/xen/web1/disk.img,xvda1,w'#'/srv/xen/web1/disk.img,raw,xvda1,w,backendtype=qdisk'#" /root/web1.cfg >/root/web1-qdisk.cfg
`;

/** Nothing is left of the way before: what a guest left at its end goes by itself, and is waited for. */
const TIDY = `
tries=200
while [ -n "$(ls /dev/mapper/converge-* /dev/md/converge-* /dev/drbd/converge-* 2>/dev/null)" ]; do
  tries=$((tries - 1))
  [ $tries -gt 0 ] || { echo 'converge left a device' >&2; exit 1; }
  sleep 0.2
done
[ ! -e /dev/mapper/plain ] || dmsetup remove --retry plain
for lv in plain xvda1; do
  [ ! -e /dev/vg0/web1-$lv ] || lvremove -qq -y vg0/web1-$lv
done
`;
