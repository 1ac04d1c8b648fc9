import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SHELLS, StubHost, until } from "./host.js";
import { expectWhole } from "./invariants.js";
import { moveProgram } from "./plan.js";

/** The guest is down and its config names the volume when the program dies: in the create of the guest. */
async function died(host: StubHost): Promise<{ readonly before: string; readonly stat: string; readonly volume: string }> {
  // the kernel's own count for the volume that the run makes
  const stat = join(host.root, "sys/dev/block/253:2/stat");
  const counted = (sectors: number): string => `4 0 32 0 9 0 ${sectors} 0 0 0 0\n`;
  mkdirSync(join(stat, ".."), { recursive: true });
  writeFileSync(stat, counted(4096));
  host.install(moveProgram(host));
  const before = readFileSync(host.config, "utf8");
  wholeCalls ??= callsOf();
  const calls = await wholeCalls;
  host.tell("kill-before", String(calls.findIndex((call) => call.startsWith("xl create -p")) + 1));
  await host.run("run");
  // what runs in its scope goes on, and leaves a paused guest, which somebody takes away
  await host.scopesEnded();
  await until(() => host.guests().length > 0);
  await host.command([join(host.root, "bin/xl"), "destroy", "--", host.domain]);
  expect(host.guests(), "down").toEqual([]);
  expect(readFileSync(host.config, "utf8")).not.toBe(before);
  return { before, stat, volume: join(host.root, "dev/vg0/web1-root") };
}

/** What a move calls where nobody kills it: found out once. */
let wholeCalls: Promise<readonly string[]> | undefined;

async function callsOf(): Promise<readonly string[]> {
  const host = new StubHost("dash");
  try {
    host.install(moveProgram(host));
    await host.run("run");
    return host.calls();
  } finally {
    host.remove();
  }
}

/** Somebody who knows nothing of the run: starts the guest, and shuts it down again. */
async function useByHand(host: StubHost): Promise<void> {
  await host.command([join(host.root, "bin/xl"), "create", host.config]);
  await host.command([join(host.root, "bin/xl"), "shutdown", "--", host.domain]);
  expect(host.guests()).toEqual([]);
}

describe.concurrent.each(SHELLS)("a guest that somebody used between its run's death and the recovery, under %s", { tags: "long" }, (shell) => {
  it("stays on the volume that it wrote to", async () => {
    const host = new StubHost(shell);
    try {
      const { before, stat } = await died(host);
      await useByHand(host);
      writeFileSync(stat, "4 0 32 0 10 0 4104 0 0 0 0\n");
      await host.run("recover");
      expect(expectWhole(host, before), host.journalText()).toBe("new");
      expect(host.journalText()).toContain("has written to");
    } finally {
      host.remove();
    }
  });

  it("goes back to its image where it wrote nothing", async () => {
    const host = new StubHost(shell);
    try {
      const { before } = await died(host);
      await host.run("recover");
      expect(expectWhole(host, before), host.journalText()).toBe("old");
    } finally {
      host.remove();
    }
  });

  it.each([["stays on the volume whose head is another one", true], ["goes back to its image where the volume's head is the same", false]] as const)(
    "%s, when Dom0 was booted meanwhile and the kernel counts anew",
    async (_name, used) => {
      const host = new StubHost(shell);
      try {
        const { before, stat, volume } = await died(host);
        // the stub of stat reads its number from there: a blank is what does not matter to it
        if (used) writeFileSync(volume, readFileSync(volume, "utf8").replace("\n", " \n"));
        host.forget();
        mkdirSync(join(stat, ".."), { recursive: true });
        writeFileSync(stat, "4 0 32 0 0 0 0 0 0 0 0\n");
        await host.run("recover");
        expect(expectWhole(host, before), host.journalText()).toBe(used ? "new" : "old");
      } finally {
        host.remove();
      }
    },
  );
});
