import { describe, expect, it } from "vitest";
import type { Action } from "../../src/core/model/step.js";
import { SHELLS, byTurns } from "./host.js";
import type { StubHost } from "./host.js";
import { look, looked } from "./look.js";
import type { RunEvent } from "../../src/core/model/run-event.js";

/** Where a playbook says nothing of `ready`, a guest is up once it has run for a while: what is seen of it meanwhile. */

interface Case {
  readonly name: string;
  /** The rest of wait_ready's words, and a probe's command. */
  readonly how: readonly string[];
  readonly command?: readonly [string, ...string[]];
  readonly does?: (host: StubHost) => void;
  /** Done before, in the shell. */
  readonly before?: (host: StubHost) => string;
  /** So many seconds, at least, until it is said to be up. */
  readonly after?: number;
  /** How long it is waited for, in seconds; unset: for longer than it can take. */
  readonly within?: number;
  /** What is told where it never is. */
  readonly says?: RegExp;
}

const state = (letters: string) => (host: StubHost): void => { host.tell("doms/7/state", letters); };

const CASES: readonly Case[] = [
  { name: "runs", how: ["running", "1"], after: 1 },
  { name: "reboots itself meanwhile: it is counted anew", how: ["running", "1"], before: (host) => `(/bin/sleep 0.5; mv ${host.state}/doms/7 ${host.state}/doms/8) >/dev/null 2>&1 &`, after: 1.5 },
  { name: "is paused", how: ["running", "0.1"], within: 2, does: state("--p---"), says: /web1 runs on its new disk and is not ready in time/ },
  { name: "crashes", how: ["running", "1"], does: state("----c-"), says: /"message":"web1 has crashed"/ },
  { name: "answers and crashes", how: ["command"], command: ["true"], does: state("----c-"), says: /"message":"web1 has crashed"/ },
];

describe.concurrent.each(SHELLS)("under %s, a guest that is waited for", (shell) => {
  for (const [turn, { name, how, command, does, before, after, says, within = 20 }] of CASES.entries()) {
    it.concurrent(name, byTurns(turn, shell), async () => {
      const { code, journal } = await looked(shell, (host): Action[] => {
        const wait = look("wait_ready", host.domain, String(within), ...how);
        return [...(before === undefined ? [] : [{ command: ["sh", "-c", before(host)] } satisfies Action]), command === undefined ? wait : { ...wait, command }];
      }, does);
      const events = journal.trimEnd().split("\n").map((line) => JSON.parse(line) as RunEvent);
      const at = (event: RunEvent["event"]): number => events.find((one) => one.event === event)?.at ?? NaN;
      expect(journal).toMatch(says ?? /"outcome":"done"/);
      expect(code === 0, journal).toBe(says === undefined);
      if (after === undefined) expect(events.map(({ event }) => event)).not.toContain("ready");
      else expect(at("ready") - at("step"), journal).toBeGreaterThanOrEqual(after);
    });
  }
});
