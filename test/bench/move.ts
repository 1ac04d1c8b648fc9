import { readFileSync } from "node:fs";
import { Lab } from "../lab/lab.js";
import { boots, startGuest, stopGuest, waitForConsole } from "../lab/lab-guests.js";
import { Converge, onVolumes } from "../lab/suite/converge.js";

/**
 * One guest of one size moved in each way in the lab, beside plain scripts of the mission's steps and of its plan A: one
 * boot, each way as often as there are rounds, by turns, and the best of each.
 */

export interface MoveTimes {
  readonly total: number;
  readonly downtime: number;
  /** How often the guest booted. */
  readonly restarts: number;
  /** Written to the volume; a script does not say. */
  readonly bytes?: number;
}

/** Each way of moving, by name, the plain scripts first. */
export type Moves = Readonly<Record<string, MoveTimes>>;

const ROUNDS = 2;

/** Seconds by the emulated Dom0's clock: to be compared with each other, and with nothing else. */
export async function compareMoves(): Promise<Moves> {
  const lab = await Lab.up({ name: "bench" });
  const converge = await Converge.at(lab);
  /** The guest is back on its image, and no volume is left of the way before. */
  const again = async (): Promise<void> => {
    await stopGuest(lab, "web1");
    await lab.run("cp -p /root/web1.cfg /etc/xen/web1.cfg; for lv in plain xvda1; do [ ! -e /dev/vg0/web1-$lv ] || lvremove -qq -y vg0/web1-$lv; done");
    await startGuest(lab, "web1");
  };
  const script = (file: string) => async (): Promise<MoveTimes> => {
    const booted = await boots(lab, "web1");
    const start = performance.now();
    const { stdout } = await lab.run(["sh", "-s"], { input: readFileSync(file, "utf8"), timeoutSeconds: 1800 });
    const downtime = /^downtime ([0-9.]+)$/m.exec(stdout)?.[1];
    if (downtime === undefined) throw new Error(`the script printed no downtime: ${stdout}`);
    return { total: (performance.now() - start) / 1000, downtime: Number(downtime), restarts: (await boots(lab, "web1")) - booted };
  };
  const move = (disk: Readonly<Record<string, unknown>>, asked: Readonly<Record<string, unknown>>) => async (): Promise<MoveTimes> => {
    const booted = await boots(lab, "web1");
    const start = performance.now();
    const name = await converge.playbook("web1.yml", onVolumes("web1", { xvda1: disk }, asked));
    const run = await converge.run("-i", "lab.yml", name, "--yes");
    if (run.exitCode !== 0) throw new Error(run.all);
    const total = (performance.now() - start) / 1000;
    const { stdout } = await lab.run("tail -n 1 /var/lib/converge/domains/web1/history.jsonl");
    const past = JSON.parse(stdout) as { readonly downtimeSeconds: number; readonly bytes: number };
    return { total, downtime: past.downtimeSeconds, bytes: past.bytes, restarts: (await boots(lab, "web1")) - booted };
  };
  const ways = {
    "eleven steps": script("test/bench/eleven-steps.sh"),
    "plan A (md)": script("test/bench/plan-a.sh"),
    rsync: move({ size: "160MiB", filesystem: "ext4" }, { strategy: "rsync", passes: 2 }),
    "dm, suspend": move({}, { strategy: "dm", switch: "suspend" }),
    "dm, restart": move({}, { strategy: "dm", switch: "restart" }),
    "md, suspend": move({}, { strategy: "md", switch: "suspend", finish: "now" }),
    "md-preseed, suspend": move({}, { strategy: "md-preseed", switch: "suspend", finish: "now" }),
  };
  const best: Record<string, MoveTimes> = {};
  try {
    await lab.run("rm -f /etc/xen/auto/*; cp -p /etc/xen/web1.cfg /root/web1.cfg");
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, measure] of Object.entries(ways)) {
        const times = await measure();
        const before = best[name];
        best[name] = {
          ...times, total: Math.min(times.total, before?.total ?? Infinity), downtime: Math.min(times.downtime, before?.downtime ?? Infinity),
        };
        await again();
      }
    }
    return best;
  } finally {
    await converge.remove();
    await lab.down();
  }
}
