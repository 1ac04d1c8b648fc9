import { describe, expect, it } from "vitest";
import type { RunEvent } from "../../src/core/model/run-event.js";
import { shutDown } from "../../src/core/steps/shut-down.js";
import { SHELLS, byTurns } from "./host.js";
import type { StubHost } from "./host.js";
import { looked } from "./look.js";

/** A guest that was asked to shut down is down once Dom0 has let go of its disks too: `xl shutdown -w` returns before that. */

interface Case {
  readonly name: string;
  /** Paths that are there for longer than the guest, of those that go with it. */
  readonly stay: (host: StubHost) => readonly string[];
  /** So many seconds; unset: for ever. */
  readonly seconds?: number;
  /** So many seconds at least it takes until the guest counts as down. */
  readonly atLeast: number;
  readonly says?: string;
}

const loop = ({ state, root }: StubHost): readonly string[] => [`${state}/loops/loop0`, `${root}/dev/loop0`];

const CASES: readonly Case[] = [
  { name: "its backend is in xenstore for a while", stay: ({ state }) => [`${state}/doms/7/vbd`], seconds: 1, atLeast: 1 },
  { name: "its loop is attached for a while", stay: loop, seconds: 1, atLeast: 1 },
  { name: "its loop stays, for Xen's block script did not find it", stay: loop, atLeast: 5, says: "loop0 was left behind by Xen's block script: detached" },
];

it.each([
  { powerButton: true, ended: 0, says: /"outcome":"done"/ },
  { powerButton: undefined, ended: 1, says: /external graceful shutdown not possible/ },
] as const)("an HVM guest without drivers of Xen's goes down where its power button is pressed ($powerButton), and nowhere else", async ({ powerButton, ended, says }) => {
  const { code, journal } = await looked("dash", (host) => {
    host.tell("no-drivers");
    const args = { domain: host.domain, config: host.config, timeoutSeconds: 20, destroy: false, ...(powerButton === undefined ? {} : { powerButton }) };
    return shutDown.actions(args);
  });
  expect(code === 0 ? 0 : 1, journal).toBe(ended);
  expect(journal).toMatch(says);
});

describe.concurrent.each(SHELLS)("under %s, a guest is not taken for down while", (shell) => {
  for (const [turn, { name, stay, seconds, atLeast, says }] of CASES.entries()) {
    it.concurrent(name, says === undefined ? byTurns(turn, shell) : { tags: "long" }, async () => {
      const { code, journal, calls } = await looked(shell, (host) => {
        const paths = stay(host);
        const kept = `${host.root}/kept`;
        const shutdown = [
          `mkdir ${kept}`, ...paths.map((path, at) => `cp -r ${path} ${kept}/${at}`),
          `xl shutdown -- ${host.domain}`, ...paths.map((path, at) => `mkdir -p ${path.replace(/\/[^/]*$/, "")} && mv ${kept}/${at} ${path}`),
          ...(seconds === undefined ? [] : [`(/bin/sleep ${seconds}; rm -r ${paths.join(" ")}) </dev/null >/dev/null 2>&1 9>&- &`]),
        ].join("\n");
        return [{ verb: ["shut_down", host.domain, "20", "never"], command: ["sh", "-c", shutdown] }];
      });
      const events = journal.trimEnd().split("\n").map((line) => JSON.parse(line) as RunEvent);
      const at = (event: RunEvent["event"]): number => events.find((one) => one.event === event)?.at ?? NaN;
      expect(code, journal).toBe(0);
      expect(at("done") - at("down"), journal).toBeGreaterThanOrEqual(atLeast);
      if (says !== undefined) expect(journal).toContain(says);
      expect(calls.filter((call) => call.startsWith("losetup --detach"))).toHaveLength(says === undefined ? 0 : 1);
    });
  }
});
