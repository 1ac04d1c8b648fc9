import { readFileSync } from "node:fs";
import { Lab } from "../lab/lab.js";
import { startGuest, stopGuest, waitForConsole } from "../lab/lab-guests.js";
import { Converge, onVolumes } from "../lab/suite/converge.js";
import { journal } from "../lab/suite/on-host.js";

/** The rsync move of one guest in the lab, beside a plain script of the same steps: one boot, one guest, one size. */

export interface MoveTimes {
  readonly total: number;
  readonly downtime: number;
}

/** Each way of moving, by name, the plain script first. */
export type Moves = Readonly<Record<string, MoveTimes>>;

/** Seconds by the emulated Dom0's clock: to be compared with each other, and with nothing else. */
export async function compareMoves(): Promise<Moves> {
  const lab = await Lab.up({ name: "bench" });
  const converge = await Converge.at(lab);
  /** The guest is back on its image, and no volume is left of the way before. */
  const again = async (volume: string): Promise<void> => {
    await stopGuest(lab, "web1");
    await lab.run(`cp -p /root/web1.cfg /etc/xen/web1.cfg; lvremove -qq -y vg0/${volume}`);
    await startGuest(lab, "web1");
  };
  const measured = async (disk: Readonly<Record<string, unknown>>, move: Readonly<Record<string, unknown>>): Promise<MoveTimes> => {
    const start = performance.now();
    const name = await converge.playbook("web1.yml", onVolumes("web1", { xvda1: disk }, move));
    const run = await converge.run("-i", "lab.yml", name, "--yes");
    if (run.exitCode !== 0) throw new Error(run.all);
    const total = (performance.now() - start) / 1000;
    const ready = (await journal(lab, "web1")).find((event) => event["event"] === "ready");
    return { total, downtime: Number(ready?.["downtime"]) };
  };
  try {
    await lab.run("rm -f /etc/xen/auto/*; cp -p /etc/xen/web1.cfg /root/web1.cfg");
    await startGuest(lab, "web1");
    await waitForConsole(lab, "web1", "\\] ack 20$");
    const script = await plainScript(lab);
    await again("web1-plain");
    const rsync = await measured({ size: "160MiB", filesystem: "ext4" }, { strategy: "rsync", passes: 2 });
    await again("web1-xvda1");
    const dm = await measured({}, { strategy: "dm", switch: "suspend" });
    return { script, rsync, "dm, suspend": dm };
  } finally {
    await converge.remove();
    await lab.down();
  }
}

async function plainScript(lab: Lab): Promise<MoveTimes> {
  const start = performance.now();
  const input = readFileSync("test/bench/eleven-steps.sh", "utf8");
  const { stdout } = await lab.run(["sh", "-s"], { input, timeoutSeconds: 1800 });
  const downtime = /^downtime ([0-9.]+)$/m.exec(stdout)?.[1];
  if (downtime === undefined) throw new Error(`the script printed no downtime: ${stdout}`);
  return { total: (performance.now() - start) / 1000, downtime: Number(downtime) };
}
