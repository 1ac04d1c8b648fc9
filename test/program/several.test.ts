import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { StubHost, byTurns, SHELLS, until } from "./host.js";
import { journal } from "./invariants.js";
import { twoMirrorsProgram, withTwoDisks } from "./several.js";

const SECOND = "converge-web1-xvda2";

/** What each of the guest's disks lies on, by way of its mapping where it has one. */
function below(host: StubHost): readonly string[] {
  const [domid = ""] = readdirSync(join(host.state, "doms"));
  const vbds = join(host.state, "doms", domid, "vbd");
  return readdirSync(vbds).sort().map((vbd) => {
    const disk = readFileSync(join(vbds, vbd, "params"), "utf8").replace(host.root, "");
    const name = /^\/dev\/mapper\/(.+)$/.exec(disk)?.[1];
    if (name === undefined) return disk;
    const table = readFileSync(join(host.state, "dm", name, "table"), "utf8");
    return table.includes(" mirror ") ? "a mirror" : table.includes(" 7:") ? "an image" : "a volume";
  });
}

const looks = (host: StubHost): number => journal(host).filter((event) => event.event === "progress" && event.id === "xvda1.sync").length;

describe.concurrent("of two mirrors that were begun while the guest was down, before it is ready", { tags: "long" }, () => {
  for (const shell of SHELLS) it(`a volume that fails below one takes the guest back to its images, for its writes wait and it would never be, under ${shell}`, byTurns(0, shell), async () => {
    const host = new StubHost(shell);
    try {
      host.install(twoMirrorsProgram(host, await withTwoDisks(host), [], { kind: "command", command: ["false"], timeoutSeconds: 60 }));
      host.tell(`health-${SECOND}`, "AD");
      await host.run("run");
      expect(host.ended()).toBe("failed");
      expect(host.journalText()).toContain(`${SECOND}: the volume gives errors (legs: AD)`);
      expect(host.journalText()).not.toContain("is not ready in time");
      expect(host.guests().map(({ state }) => state), host.journalText()).toEqual(["-b----"]);
      expect(below(host)).toEqual(["an image", "an image"]);
      expect(existsSync(join(host.state, "violations"))).toBe(false);
    } finally {
      host.remove();
    }
  });
});

describe.concurrent("of two mirrors that are begun together, while the first one is waited for", { tags: "long" }, () => {
  /** Does something to the second one meanwhile, and lets both go on once that was seen, or could have been. */
  async function meddled(host: StubHost, limits: readonly (number | undefined)[], meddle: (images: readonly [string, string]) => void): Promise<{ readonly seen: boolean }> {
    const images = await withTwoDisks(host);
    host.install(twoMirrorsProgram(host, images, limits));
    host.tell("slow-mirror");
    const running = host.start("run");
    await until(() => looks(host) > 0 || host.ended() !== undefined, host);
    meddle(images);
    const before = looks(host);
    await until(() => host.ended() !== undefined || looks(host) > before + 2, host);
    const seen = host.ended() !== undefined;
    host.untell("slow-mirror");
    await running.ended;
    return { seen };
  }

  for (const shell of SHELLS) it(`a volume that fails below the second takes the guest back to its images at once, under ${shell}`, byTurns(1, shell), async () => {
    const host = new StubHost(shell);
    try {
      const { seen } = await meddled(host, [], () => {
        host.tell(`health-${SECOND}`, "AD");
      });
      expect(seen, `the guest's writes wait\n${host.journalText()}`).toBe(true);
      expect(host.ended()).toBe("failed");
      expect(host.journalText()).toContain(`${SECOND}: the volume gives errors (legs: AD)`);
      expect(host.guests().map(({ state }) => state), host.journalText()).toEqual(["-b----"]);
      expect(below(host)).toEqual(["an image", "an image"]);
      expect(existsSync(join(host.state, "violations"))).toBe(false);
    } finally {
      host.remove();
    }
  });

  it("somebody who opens the second one's image makes it void at once", { tags: "long" }, async () => {
    const host = new StubHost("dash");
    try {
      const { seen } = await meddled(host, [], ([, second]) => {
        mkdirSync(join(host.state, "loops/loop9"));
        writeFileSync(join(host.state, "loops/loop9/file"), second);
        writeFileSync(join(host.root, "dev/loop9"), "7:9\n");
      });
      expect(host.journalText()).toMatch(/the mirror is void: .*data.img is in use by .*loop9/);
      expect(seen, host.journalText()).toBe(true);
      expect(host.ended()).toBe("failed");
      expect(below(host)).toEqual(["an image", "an image"]);
    } finally {
      host.remove();
    }
  });

  it.each([
    { name: "their throttle stays taken, for the second one is bounded too", second: 1024, stays: true },
    { name: "their throttle is given back where the second one has no limit", second: undefined, stays: false },
  ])("$name, once the first one is in sync", { tags: "long" }, async ({ second, stays }) => {
    const host = new StubHost("busybox sh");
    try {
      const taken = join(host.root, "run/converge/throttle/before");
      host.install(twoMirrorsProgram(host, await withTwoDisks(host), [1024, second]));
      host.tell("slow-mirror");
      const running = host.start("run");
      await until(() => looks(host) > 0 || host.ended() !== undefined, host);
      const { ino } = statSync(taken);
      host.tell(`slow-${SECOND}`);
      host.untell("slow-mirror");
      await until(() => journal(host).some((event) => event.event === "progress" && event.id === "xvda2.sync") || host.ended() !== undefined, host);
      expect(existsSync(taken) && statSync(taken).ino === ino, host.journalText()).toBe(stays);
      host.untell(`slow-${SECOND}`);
      await running.ended;
      expect(host.ended(), host.journalText()).toBe("done");
      expect(readFileSync(host.throttle, "utf8")).toBe("100\n");
      expect(existsSync(taken)).toBe(false);
    } finally {
      host.remove();
    }
  });

  it.each(["DA", "AD"] as const)("the second one, in sync already, with legs %s", { tags: "long" }, async (health) => {
    const host = new StubHost("dash");
    try {
      host.install(twoMirrorsProgram(host, await withTwoDisks(host)));
      host.tell("slow-converge-web1-xvda1");
      const running = host.start("run");
      await until(() => existsSync(join(host.runDirectory, "synced", SECOND)) || host.ended() !== undefined, host);
      host.tell(`health-${SECOND}`, health);
      const before = looks(host);
      await until(() => looks(host) > before + 1 || host.ended() !== undefined, host);
      host.untell("slow-converge-web1-xvda1");
      await running.ended;
      // what the image does not take any more, the volume has
      expect(host.ended(), host.journalText()).toBe(health === "DA" ? "done" : "failed");
      expect(host.journalText()).toContain(health === "DA" ? `the image behind ${SECOND} gives errors: the volume holds everything` : "the volume gives errors");
      expect(below(host)).toEqual(health === "DA" ? ["a mirror", "a mirror"] : ["an image", "an image"]);
    } finally {
      host.remove();
    }
  });
});
