import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Action } from "../../src/core/model/step.js";
import { compileProgram } from "../../src/core/program/compile.js";
import { SHELLS, StubHost, byTurns } from "./host.js";
import type { Shell } from "./host.js";
import { planOf, raw, rawStep } from "./plan.js";

/** Looks that the host program takes right before a switch, at a Dom0 on which something has happened. */

export const VOLUME = "vg0/web1-root";

export function device(host: StubHost): string {
  return join(host.root, "dev", VOLUME);
}

export function look(...verb: [string, ...string[]]): Action {
  return { verb, shown: "" };
}

export interface Case {
  readonly name: string;
  readonly looks: (host: StubHost) => Action;
  readonly does?: (host: StubHost) => void;
  /** What is told; nothing: all is well. */
  readonly says?: RegExp;
}

/** A program of one step, which does this. */
export async function looked(shell: Shell, actions: (host: StubHost) => readonly Action[], does: (host: StubHost) => void = () => undefined) {
  const host = new StubHost(shell);
  try {
    writeFileSync(device(host), "fd:2\n");
    writeFileSync(join(host.root, "dev/mapper/under"), "fd:40\n");
    mkdirSync(join(host.root, "run/converge/web1/memory"), { recursive: true });
    does(host);
    host.install(compileProgram(planOf(host.domain, [rawStep("guard", "prepare", { title: "Look", actions: actions(host) })]), { raw }, { config: host.config }));
    const { code } = await host.run("run");
    return { code, journal: host.journalText(), calls: host.calls() };
  } finally {
    host.remove();
  }
}

/** Each case has one shell in `npm test`, by turns. */
export function seen(cases: readonly Case[]): void {
  describe.each(SHELLS)("right before the switch, under %s, it is seen:", (shell) => {
    it.each(cases.map((one, turn) => ({ ...one, turn })).filter(({ turn }) => byTurns(turn, shell).tags.length === 0))("$name", async (one) => {
      await see(shell, one);
    });
    it.each(cases.map((one, turn) => ({ ...one, turn })).filter(({ turn }) => byTurns(turn, shell).tags.length > 0))("$name", { tags: "long" }, async (one) => {
      await see(shell, one);
    });
  });
}

async function see(shell: Shell, { looks, does, says }: Case): Promise<void> {
  const { code, journal } = await looked(shell, (host) => [looks(host)], does);
  expect(journal).toMatch(says ?? /"outcome":"done"/);
  expect(code === 0, journal).toBe(says === undefined);
}
