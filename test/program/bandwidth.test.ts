import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { PlanNode } from "../../src/core/model/plan.js";
import { compileProgram, type StepKinds } from "../../src/core/program/compile.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { StubHost, shellsOf, until } from "./host.js";
import { mirrorNodes, type Mirror } from "./mirror.js";
import { planOf, raw } from "./plan.js";

/** What a playbook allows a copy (`throttle.bandwidth`), as the kernel is told of it by each mirror. */

const KIB = 1024;
const BOUNDED = ["start-mirror", "sync-mirror", "grow-array", "re-add-array", "connect-resource", "sync-resource"];

/** A move by that mirror with that bandwidth, or with none; no further than to a step, where it is not all of it. */
function bounded(host: StubHost, by: Mirror, bytesPerSecond: number | undefined, last?: string): string {
  const nodes = mirrorNodes(host, "suspend", by).map((node): PlanNode => {
    if (node.node !== "step" || !BOUNDED.includes(node.kind)) return node;
    const others = Object.entries(node.args as object).filter(([name]) => name !== "bytesPerSecond");
    return { ...node, args: Object.fromEntries([...others, ...(bytesPerSecond === undefined ? [] : [["bytesPerSecond", bytesPerSecond]])]) };
  });
  const end = last === undefined ? nodes.length : nodes.findIndex(({ id }) => id === last) + 1;
  expect(end).toBeGreaterThan(0);
  const kinds = { ...stepKinds, raw } as unknown as StepKinds;
  return compileProgram(planOf(host.domain, nodes.slice(0, end)), kinds, { config: host.config });
}

/** A run of it on a host of its own. */
async function moved(
  by: Mirror, bytesPerSecond: number | undefined, look: (host: StubHost) => void, { last, turn = 0 }: { readonly last?: string; readonly turn?: number } = {},
): Promise<void> {
  for (const shell of shellsOf(turn)) {
    const host = new StubHost(shell);
    try {
      host.install(bounded(host, by, bytesPerSecond, last));
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("done");
      look(host);
    } finally {
      host.remove();
    }
  }
}

/** What an array has been told of its own rate, in KiB a second: `undefined` is as the host's limits have it. */
function speedOf(host: StubHost): { readonly least: string | undefined; readonly most: string | undefined } {
  const [array = ""] = readdirSync(join(host.root, "sys/block")).filter((name) => /^md\d/.test(name));
  const told = (file: string): string | undefined => {
    const path = join(host.root, "sys/block", array, "md", file);
    return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
  };
  expect(array, "it is there").not.toBe("");
  return { least: told("sync_speed_min"), most: told("sync_speed_max") };
}

describe("by md, a bandwidth is the array's own", () => {
  it("limit from the moment on that the volume is taken in", async () => {
    await moved("md", 300 * KIB, (host) => {
      // the host's least, 1 MB/s as it comes, would be kept to else
      expect(speedOf(host)).toEqual({ least: "1", most: "300" });
    }, { last: "grow-array", turn: 1 });
  });

  it("and without one the host's limits hold for it, as for every array", async () => {
    await moved("md", undefined, (host) => {
      expect(speedOf(host)).toEqual({ least: undefined, most: undefined });
    }, { last: "grow-array", turn: 2 });
  });

  it("the same after a process has copied most of it", { tags: "long" }, async () => {
    await moved("md-preseed", 300 * KIB, (host) => {
      expect(speedOf(host)).toEqual({ least: "1", most: "300" });
    }, { last: "re-add-array" });
    await moved("md-preseed", undefined, (host) => {
      expect(speedOf(host)).toEqual({ least: undefined, most: undefined });
    }, { last: "re-add-array", turn: 1 });
  });

  it("but not for the last of that, for which time is short", { tags: "long" }, async () => {
    await moved("md-preseed", 300 * KIB, (host) => {
      expect(speedOf(host).most).toBe("system");
    }, { turn: 2 });
  });
});

describe("by DRBD it is the rate of both ends", () => {
  /** Each rate that DRBD was told, and the least that it keeps to beside a guest at work, both in KiB a second. */
  const told = (host: StubHost): readonly (readonly [number, number])[] => host.calls().flatMap((call) => {
    const found = /^drbdsetup disk-options \d+ --c-plan-ahead=0 --resync-rate=(\d+) --c-min-rate=(\d+) $/.exec(call);
    return found === null ? [] : [[Number(found[1]), Number(found[2])] as const];
  });

  it("when they are connected, and again when the copy is waited for", async () => {
    await moved("drbd", 100 * KIB, (host) => {
      const rates = told(host);
      expect(rates.slice(0, 4)).toEqual([[100, 0], [100, 0], [100, 0], [100, 0]]);
      expect(rates.every(([rate, least]) => rate <= 100 && least === 0), JSON.stringify(rates)).toBe(true);
    });
  });

  it("and without one it gives way to the guest, and takes what is left", { tags: "long" }, async () => {
    await moved("drbd", undefined, (host) => {
      const rates = told(host);
      expect(rates.length).toBeGreaterThanOrEqual(4);
      expect(rates.every(([rate, least]) => rate > 100 && least === 4096), JSON.stringify(rates)).toBe(true);
    }, { turn: 1 });
  });
});

describe("by dm it is the kernel's one throttle for all mirrors", () => {
  const set = (host: StubHost): string => readFileSync(host.throttle, "utf8").trim();
  const shared = (host: StubHost): string => join(host.root, "run/converge/throttle");

  it("which is set while it copies, and put back at its end", async () => {
    const [shell = "dash"] = shellsOf(2);
    const host = new StubHost(shell);
    try {
      host.install(bounded(host, "dm", 300 * KIB));
      host.tell("slow-mirror");
      const running = host.start("run");
      await until(() => host.journalText().includes('"event":"progress"') || host.ended() !== undefined, host);
      expect(Number(set(host)), host.journalText()).toBeLessThan(100);
      expect(readFileSync(join(shared(host), "before"), "utf8")).toBe("100\n");
      host.untell("slow-mirror");
      await running.ended;
      expect(host.ended(), host.journalText()).toBe("done");
      expect(set(host)).toBe("100");
      expect(existsSync(shared(host))).toBe(false);
    } finally {
      host.remove();
    }
  });

  it("which is put back by whoever looks after a run that was killed in its copy", async () => {
    const [shell = "dash"] = shellsOf(1);
    const host = new StubHost(shell);
    try {
      host.install(bounded(host, "dm", 300 * KIB));
      host.tell("slow-mirror");
      const running = host.start("run");
      await until(() => host.journalText().includes('"event":"progress"') || host.ended() !== undefined, host);
      running.kill();
      await running.ended;
      expect(Number(set(host)), host.journalText()).toBeLessThan(100);
      await host.run("recover");
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(set(host)).toBe("100");
      expect(existsSync(shared(host))).toBe(false);
    } finally {
      host.remove();
    }
  });

  it("which without one stays as somebody has set it", { tags: "long" }, async () => {
    const [shell = "dash"] = shellsOf(0);
    const host = new StubHost(shell);
    try {
      host.install(bounded(host, "dm", undefined));
      host.tell("slow-mirror");
      const running = host.start("run");
      await until(() => host.journalText().includes('"event":"progress"') || host.ended() !== undefined, host);
      expect([set(host), existsSync(shared(host))], host.journalText()).toEqual(["100", false]);
      host.untell("slow-mirror");
      await running.ended;
      expect(host.ended(), host.journalText()).toBe("done");
    } finally {
      host.remove();
    }
  });
});
