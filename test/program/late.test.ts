import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileProgram } from "../../src/core/program/compile.js";
import { SHELLS, StubHost, byTurns, until, type Ran, type Shell } from "./host.js";
import { expectWhole } from "./invariants.js";
import { moveNodes, moveProgram, planOf, raw, rawStep } from "./plan.js";
import { Xl } from "./xl.js";

const owed = (host: StubHost): boolean => existsSync(join(host.book, "owed"));
const goDown = (host: StubHost): Promise<Ran> => host.command([join(host.root, "bin/xl"), "destroy", "7"]);
/** Asked while the watchman is at work: a guest of which the stubs have written a part only is not up yet. */
const up = (host: StubHost): boolean => {
  try {
    return host.guests().some(({ state, domid }) => state === "-b----" && domid !== "7");
  } catch {
    return false;
  }
};

const paid = (host: StubHost): boolean => up(host) && !owed(host) && host.leftovers().length === 0;

/** A host whose guest took a request to shut down and did not follow it, after its run. */
async function withOwed(shell: Shell, watched: "watched" | "unwatched", work: (host: StubHost, before: string) => Promise<void>): Promise<void> {
  const host = new StubHost(shell);
  try {
    const before = readFileSync(host.config, "utf8");
    host.install(moveProgram(host));
    host.tell("stubborn");
    if (watched === "unwatched") host.tell("no-units");
    await host.run("run");
    host.untell("no-units");
    expect(host.ended(), host.journalText()).toBe("failed");
    expect(host.journalText()).toContain("if it yet goes down within an hour, it is started again");
    // nothing is promised that nobody keeps
    expect(host.journalText().includes("nobody waits for that, since systemd-run started no unit")).toBe(watched === "unwatched");
    expect(host.guests()).toMatchObject([{ domid: "7", state: "-b----" }]);
    expect(owed(host)).toBe(true);
    host.forgetCalls();
    await work(host, before);
  } finally {
    host.remove();
  }
}

/** The next run of the guest, as a submission makes it. */
function next(host: StubHost): { readonly run: () => Promise<Ran>; readonly file: (name: string) => string } {
  const directory = join(host.book, "runs/2");
  mkdirSync(directory);
  // looked at once more right before the switch, as plans have it
  const nodes = moveNodes(host);
  const guard = rawStep("guard-again", "switch", { title: "Look again", actions: [{ verb: ["guard_domain", host.domain, "7", "uuid-of-it"], shown: "" }] });
  const at = nodes.findIndex(({ id }) => id === "shut-down");
  const plan = planOf(host.domain, [...nodes.slice(0, at), guard, ...nodes.slice(at)]);
  writeFileSync(join(directory, "program.sh"), compileProgram(plan, { raw }, { config: host.config }));
  rmSync(join(host.book, "current"));
  symlinkSync("runs/2", join(host.book, "current"));
  return {
    run: () => host.command([...host.shell.split(" "), join(directory, "program.sh"), "run"]),
    file: (name) => (existsSync(join(directory, name)) ? readFileSync(join(directory, name), "utf8") : ""),
  };
}

describe.concurrent("a guest that follows the request to shut down after its run", () => {
  for (const shell of SHELLS) {
    it(`is started again by the watchman (${shell})`, byTurns(0, shell), async () => {
      await withOwed(shell, "watched", async (host, before) => {
        await goDown(host);
        await until(() => paid(host), host);
        expect(expectWhole(host, before)).toBe("old");
        expect(host.journalText()).toContain("web1 went down late");
        // since it was last seen up, and not since it was asked to go; a watchman that comes after it has gone has not seen it
        expect(host.journalText()).toMatch(/"how":"stayed","downtime":0\.00\}[^]*"how":"started"(,"downtime":\d{1,2}\.\d\d)?\}/);
        expect(host.calls().filter((call) => call.startsWith("xl create"))).toHaveLength(1);
      });
    });
  }

  it("is tried again where that fails", { tags: "long" }, async () => {
    await withOwed("dash", "watched", async (host, before) => {
      const xl = new Xl(host);
      xl.first('if [ "$1" = create ] && [ "$(cat "$STUB_STATE/tried" | wc -l)" -lt 2 ]; then echo >>"$STUB_STATE/tried"; echo no memory >&2; exit 1; fi');
      host.tell("tried");
      await goDown(host);
      await until(() => paid(host), host);
      expect(host.lines(join(host.state, "tried")).length).toBe(0);
      expect(readFileSync(join(host.state, "tried"), "utf8")).toBe("\n\n");
      expect(expectWhole(host, before)).toBe("old");
    });
  });

  it("is started again also where a run has committed in between that never took it down", async () => {
    await withOwed("dash", "watched", async (host) => {
      const directory = join(host.book, "runs/2");
      mkdirSync(directory);
      const commit = rawStep("commit", "switch", { title: "Commit", actions: [{ verb: ["commit_live", host.domain, "running", "x", "/dev/vg0/x", "-"], command: ["true"] }] });
      writeFileSync(join(directory, "program.sh"), compileProgram(planOf(host.domain, [commit]), { raw }, { config: host.config }));
      rmSync(join(host.book, "current"));
      symlinkSync("runs/2", join(host.book, "current"));
      await host.command(["dash", join(directory, "program.sh"), "run"]);
      expect(readFileSync(join(directory, "ended"), "utf8"), readFileSync(join(directory, "journal.jsonl"), "utf8")).toBe("done\n");
      expect(host.guests()).toMatchObject([{ domid: "7", state: "-b----" }]);
      await goDown(host);
      await until(() => paid(host), host);
    });
  });

  it("is let be where somebody has started it since", { tags: "long" }, async () => {
    await withOwed("busybox sh", "watched", async (host) => {
      host.tell("xl-broken");
      await goDown(host);
      await host.command([join(host.root, "bin/xl"), "create", host.config]);
      host.forgetCalls();
      host.untell("xl-broken");
      await until(() => !owed(host), host);
      expect(host.calls()).toEqual([]);
    });
  });

  for (const shell of SHELLS) {
    it(`while the next run copies is started by that one, which fails (${shell})`, byTurns(1, shell), async () => {
      await withOwed(shell, "unwatched", async (host, before) => {
        host.untell("stubborn");
        host.tell("rsync-held");
        const second = next(host);
        const running = second.run();
        await until(() => second.file("journal.jsonl").includes('"id":"copy"'), host);
        await goDown(host);
        host.untell("rsync-held");
        await running;
        expect(second.file("ended"), second.file("journal.jsonl")).not.toBe("");
        expect(expectWhole(host, before), second.file("journal.jsonl")).toBe("old");
        expect(owed(host)).toBe(false);
      });
    });
  }

  it("is the watchman's again once the next run is over, which left it alone", { tags: "long" }, async () => {
    await withOwed("bash", "watched", async (host, before) => {
      const second = next(host);
      // it is stopped before it does anything
      writeFileSync(join(host.book, "runs/2/stop"), "");
      await second.run();
      expect(second.file("ended")).toBe("stopped\n");
      await goDown(host);
      await until(() => paid(host), host);
      expect(expectWhole(host, before)).toBe("old");
    });
  });

  it("is still owed a start where the next run's request was not read, and is taken back", { tags: "long" }, async () => {
    await withOwed("busybox sh", "watched", async (host, before) => {
      const second = next(host);
      host.tell("doms/7/shutdown", "poweroff");
      await second.run();
      expect(second.file("ended"), second.file("journal.jsonl")).toBe("failed\n");
      expect(second.file("journal.jsonl")).not.toContain("within an hour");
      expect(readFileSync(join(host.state, "doms/7/shutdown"), "utf8")).toBe("");
      await goDown(host);
      await until(() => paid(host), host);
      expect(expectWhole(host, before)).toBe("old");
    });
  });

  it("is nobody's debt once a run has taken it down itself", { tags: "long" }, async () => {
    await withOwed("dash", "watched", async (host, before) => {
      host.untell("stubborn");
      const second = next(host);
      await second.run();
      expect(second.file("ended"), second.file("journal.jsonl")).toBe("done\n");
      expect(expectWhole(host, before)).toBe("new");
      expect(owed(host)).toBe(false);
      // from here on it is its owner's, who stops it
      for (const { domid } of host.guests()) await host.command([join(host.root, "bin/xl"), "destroy", domid]);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(host.guests()).toEqual([]);
    });
  });
});
