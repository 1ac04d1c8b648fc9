import { describe, expect, it } from "vitest";
import { faultsPromised } from "../support/faults.js";
import { eachDeath, type Death as Dying } from "./deaths.js";
import { EVERY, StubHost, type Shell } from "./host.js";
import { expectWhole, journal } from "./invariants.js";
import { moveProgram } from "./plan.js";

const CALLS = 24;
const COMMIT = 20;

interface Death extends Dying {
  readonly reboot: boolean;
}

describe("a program that is killed with all its children", { tags: "long" }, () => {
  const points = Array.from({ length: CALLS }, (_, index) => index + 1);
  const deaths = points.flatMap((number): readonly Death[] => {
    const all: readonly Death[] = [
      { number, when: "kill-after", reboot: false }, { number, when: "kill-before", reboot: false }, { number, when: "kill-after", reboot: true },
    ];
    // around the commit all of them; elsewhere one, which changes from call to call as the shells do, at another pace
    if (EVERY || (number >= COMMIT - 2 && number <= COMMIT + 1)) return all;
    return all.filter((_, index) => index === (number < 14 ? number % 2 : 2 * (number % 2)));
  });

  it("is recovered from, at whatever call, twice, and dying again in between", async () => {
    expect(deaths.length).toBeGreaterThanOrEqual(faultsPromised("deaths"));
    const host = (shell: Shell): StubHost => {
      const one = new StubHost(shell);
      one.install(moveProgram(one));
      return one;
    };
    await eachDeath({
      deaths, host, really: ({ number }) => number >= COMMIT - 1 && number <= COMMIT,
    }, async (host, { number, when, reboot: withReboot }, before) => {
      const where = `${when} ${String(number)}: ${host.calls()[number - 1] ?? ""}`;
      expect(host.ended(), where).toBeUndefined();
      // without a reboot, what runs in a scope of its own may still be making a guest
      const wasDown = withReboot && host.guests().length === 0;
      if (withReboot) {
        host.forget();
      } else if (number % 4 === 0) {
        // the recovery dies as well
        host.tell("kill-after", String(host.calls().length + 2));
        await host.run("recover");
        host.untell("kill-after");
      }
      await host.run("recover");
      const committed = host.committing();
      if (withReboot && !wasDown && !committed && host.guests().length === 0) {
        // it was up when the power went: xendomains, not the run, is who starts it
        expect(host.leftovers(), where).toEqual([]);
        expect(host.ended(), where).toBe("failed");
      } else {
        expect(expectWhole(host, before), `${where}\n${host.journalText()}`).toBe(committed ? "new" : "old");
        expect(committed, where).toBe(number >= COMMIT);
      }
      journal(host);
      const calls = host.calls().length;
      const lines = host.journalText();
      await host.run("recover");
      expect(host.calls().length, where).toBe(calls);
      expect(host.journalText(), where).toBe(lines);
    });
  });
});
