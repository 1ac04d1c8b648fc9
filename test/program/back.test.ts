import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RunEvent } from "../../src/core/model/run-event.js";
import { readRunEvent } from "../../src/core/render/read-event.js";
import { SHELLS, StubHost, byTurns, type Shell } from "./host.js";
import { journal } from "./invariants.js";
import { mirrorProgram } from "./mirror.js";
import { moveProgram } from "./plan.js";

type Back = Extract<RunEvent, { event: "back" }>;

async function withProgram(shell: Shell, program: (host: StubHost) => string, work: (host: StubHost) => Promise<void>): Promise<void> {
  const host = new StubHost(shell);
  try {
    host.install(program(host));
    await work(host);
  } finally {
    host.remove();
  }
}

/** What is told of the guest's ways down and up, in order. Each is one that a reader knows. */
function ways(host: StubHost): readonly string[] {
  journal(host).forEach((event) => { expect(readRunEvent(JSON.stringify(event))).toEqual(event); });
  return journal(host).flatMap((event) => (event.event === "back" ? [`back, ${event.how}`] : ["down", "commit", "ready"].includes(event.event) ? [event.event] : []));
}

function back(host: StubHost): Back | undefined {
  return journal(host).find((event): event is Back => event.event === "back");
}

/** Nearly what lies between the two by the journal's own times. */
function expectMeasured(host: StubHost): void {
  const down = journal(host).find((event) => event.event === "down")?.at ?? 0;
  const came = back(host);
  expect(came?.downtime).toBeGreaterThan(0);
  expect(Math.abs((came?.downtime ?? 0) - ((came?.at ?? 0) - down)), host.journalText()).toBeLessThan(0.5);
}

async function callOf(program: (host: StubHost) => string, call: RegExp): Promise<string> {
  const host = new StubHost("dash");
  try {
    host.install(program(host));
    await host.run("run");
    return String(host.calls().findIndex((text) => call.test(text)) + 1);
  } finally {
    host.remove();
  }
}

describe.concurrent("how long a guest was down whose switch was taken back", () => {
  for (const shell of SHELLS) it(`is told once it is started again, and is no forecast's business (${shell})`, byTurns(0, shell), async () => {
    const create = await callOf(moveProgram, /^xl create/);
    await withProgram(shell, moveProgram, async (host) => {
      host.tell("fail", create);
      await host.run("run");
      expect(ways(host)).toEqual(["down", "back, started"]);
      expectMeasured(host);
      expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "failed" });
      expect(existsSync(join(host.book, "history.jsonl"))).toBe(false);
    });
  });

  for (const shell of SHELLS) it(`is told by whoever finds the run dead, after a reboot of Dom0 too (${shell})`, { tags: "long" }, async () => {
    for (const reboots of [false, true]) {
      await withProgram(shell, moveProgram, async (host) => {
        host.tell("kill-after", await callOf(moveProgram, /^xl shutdown/));
        await host.run("run");
        expect(ways(host)).toEqual(["down"]);
        host.untell("kill-after");
        if (reboots) host.forget();
        await host.run("recover");
        expect(ways(host), host.journalText()).toEqual(["down", "back, started"]);
        expectMeasured(host);
      });
    }
  });

  for (const shell of SHELLS) it(`is until it goes on from its saved memory (${shell})`, byTurns(2, shell), async () => {
    const program = (host: StubHost): string => mirrorProgram(host, "suspend", "dm");
    const restore = await callOf(program, /^xl restore/);
    await withProgram(shell, program, async (host) => {
      host.tell("fail", restore);
      await host.run("run");
      expect(ways(host), host.journalText()).toEqual(["down", "back, restored"]);
      expectMeasured(host);
    });
  });

  for (const shell of SHELLS) it(`is known of a migration too, which tells no beginning (${shell})`, byTurns(0, shell), async () => {
    const program = (host: StubHost): string => mirrorProgram(host, "migrate", "dm");
    const unpause = await callOf(program, /^xl unpause/);
    await withProgram(shell, program, async (host) => {
      host.tell("fail", unpause);
      await host.run("run");
      expect(ways(host), host.journalText()).toEqual(["back, resumed"]);
      expect(back(host)?.downtime).toBeGreaterThan(0);
    });
  });

  it("is none where it has not gone down", async () => {
    await withProgram("dash", moveProgram, async (host) => {
      host.tell("stubborn");
      host.tell("no-units");
      await host.run("run");
      expect(ways(host)).toEqual(["down", "back, stayed"]);
      expect(back(host)?.downtime).toBe(0);
    });
  });
});

describe.concurrent("a guest past its commit that was not seen ready", () => {
  for (const shell of SHELLS) it(`is told to run since it was let run (${shell})`, byTurns(1, shell), async () => {
    await withProgram(shell, (host) => moveProgram(host, { ready: ["false"] }), async (host) => {
      await host.run("run");
      expect(ways(host), host.journalText()).toEqual(["down", "commit", "back, resumed"]);
      const [down, commit] = ["down", "commit"].map((name) => journal(host).find(({ event }) => event === name)?.at ?? 0);
      // not until it was given up
      expect(Math.abs((back(host)?.downtime ?? 0) - ((commit ?? 0) - (down ?? 0))), host.journalText()).toBeLessThan(0.5);
      expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "stuck" });
    });
  });

  it("is told as found by who finds its run dead", { tags: "long" }, async () => {
    const unpause = await callOf(moveProgram, /^xl unpause/);
    await withProgram("dash", moveProgram, async (host) => {
      host.tell("kill-after", unpause);
      await host.run("run");
      host.untell("kill-after");
      await host.run("recover");
      expect(ways(host).filter((way) => way !== "commit"), host.journalText()).toEqual(["down", "back, found"]);
      expectMeasured(host);
    });
  });
});
