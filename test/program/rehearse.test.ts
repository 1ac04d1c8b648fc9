import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rehearsalName, rehearsalUuid } from "../../src/core/model/names.js";
import { faultsPromised } from "../support/faults.js";
import { eachDeath } from "./deaths.js";
import { EVERY, SHELLS, StubHost, byTurns, type Shell } from "./host.js";
import { journal } from "./invariants.js";
import { rehearseProgram, type RehearseOptions } from "./rehearse.js";

const CLONE = rehearsalName("web1");
/** Calls of a rehearsal that change something: the copy's volume, unit, snapshot, create, unpause, destroy, and both away. */
const CALLS = 8;

async function withHost(shell: Shell, work: (host: StubHost) => Promise<void>, options?: RehearseOptions): Promise<void> {
  const host = new StubHost(shell);
  try {
    host.install(rehearseProgram(host, options));
    await work(host);
  } finally {
    host.remove();
  }
}

/** The guest itself was never touched; of the clone nothing is left, and the copy is. */
function expectUntouched(host: StubHost, where = ""): void {
  const note = `${where}\n${host.journalText()}`;
  expect(host.guests(), note).toEqual([{ domid: "7", state: "-b----", disk: "/srv/disk.img" }]);
  expectGone(host, note);
}

function expectGone(host: StubHost, note: string): void {
  expect(host.guests().filter(({ disk }) => disk.includes("rehearsal")), note).toEqual([]);
  expect(host.leftovers(), note).toEqual([]);
  expect(existsSync(join(host.root, "var/lib/xen/save", CLONE)), note).toBe(false);
}

describe("a rehearsal", () => {
  for (const shell of SHELLS) it.concurrent(`boots a clone, watches it and throws it away, under ${shell}`, byTurns(0, shell), async () => {
    await withHost(shell, async (host) => {
      expect(await host.run("run"), host.journalText()).toEqual({ code: 0, stdout: "", stderr: "" });
      expectUntouched(host);
      expect(host.calls()).toHaveLength(CALLS);
      // no call but the clone's own names a guest
      for (const call of host.calls().filter((one) => one.startsWith("xl "))) expect(call).toMatch(/rehearsal/);
      expect(journal(host).find(({ event }) => event === "rehearsed")).toMatchObject({ domain: "web1", by: "it wrote to its disk" });
    });
  });

  it.concurrent.each([
    { clone: "crashes", says: /crashed, or went down or rebooted by itself/ },
    { clone: "silent", says: /not up within 1 s: it has written to no disk/ },
    { clone: "unconnected", says: /its disk xvda1 is not connected/ },
    { clone: "fills", says: /more than vg0\/converge-rehearsal-web1-xvda1 has room for/ },
  ])("of a clone that $clone ends the run, with nothing touched", { tags: "long" }, async ({ clone, says }) => {
    await withHost("dash", async (host) => {
      host.tell("clone", clone);
      host.tell("clone-console", `Linux version 6.1\r\nroot password: hunter2\r\nKernel panic - not syncing: No init found\r\n${"RIP: 0033\r\n".repeat(30)}`);
      await host.run("run");
      expect(host.ended()).toBe("failed");
      expectUntouched(host);
      const failed = journal(host).find(({ event }) => event === "failed") as { readonly message: string; readonly tail: string } | undefined;
      expect(failed?.message).toMatch(says);
      expect(failed?.message).toMatch(/the guest was not touched/);
      expect(failed?.tail).toMatch(/Linux version 6.1\nroot password: REDACTED\nKernel panic[^\n]*$/);
      expect(host.journalText()).not.toContain("hunter2");
      // all of it is kept where only root reads it
      expect(statSync(join(host.runDirectory, "out/rehearsal.console")).mode & 0o777).toBe(0o600);
    });
  });

  it("waits for a text on the console where the playbook gives one", { tags: "long" }, async () => {
    for (const [console, outcome] of [["web1 login:", "done"], ["$(touch x)' login:", "failed"]] as const) {
      await withHost("dash", async (host) => {
        host.tell("clone", "silent");
        host.tell("clone-console", `${"x".repeat(70_000)}\r\nDebian GNU/Linux\r\n\r\nweb1 login: ${"y".repeat(70_000)}`);
        await host.run("run");
        expect(host.ended(), host.journalText()).toBe(outcome);
        expectUntouched(host);
        const size = statSync(join(host.runDirectory, "out/rehearsal.console")).size + statSync(join(host.runDirectory, "out/rehearsal.console.old")).size;
        expect(size).toBeLessThan(150_000);
      }, { console });
    }
  });

  it("does not begin without the memory for it, right before it is made", { tags: "long" }, async () => {
    await withHost("dash", async (host) => {
      host.tell("free-memory", "100");
      await host.run("run");
      expect(host.ended()).toBe("failed");
      expect(host.journalText()).toContain("the hypervisor has 100 MiB free, and the clone takes 128 MiB");
      expect(host.calls().some((call) => call.startsWith("xl create"))).toBe(false);
      expectUntouched(host);
    });
  });

  it("leaves a guest alone that somebody gave the clone's name", { tags: "long" }, async () => {
    await withHost("dash", async (host) => {
      const config = join(host.root, "theirs.cfg");
      writeFileSync(config, `name = ${CLONE}\ndisk = xvda|${host.snapshotImage}\n`);
      await host.command([join(host.root, "bin/xl"), "create", config]);
      await host.run("run");
      expect(host.ended()).toBe("failed");
      expect(host.journalText()).toContain("it is not the clone: it is left alone");
      expect(host.guests().map(({ disk }) => disk)).toEqual(["/srv/disk.img", "/srv/snapshot.img"]);
    });
  });

  it("is stopped on request while the clone is watched", { tags: "long" }, async () => {
    await withHost("dash", async (host) => {
      host.tell("clone", "silent");
      // after the unpause
      host.tell("stop-after", "5");
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("stopped");
      expectUntouched(host);
    }, { timeoutSeconds: 60 });
  });

  it("that is killed at any call leaves no clone, with and without a reboot that xendomains would bring it back after", { tags: "long" }, async () => {
    const deaths = Array.from({ length: CALLS }, (_, index) => index + 1).flatMap((number) =>
      (["kill-before", "kill-after"] as const).flatMap((when) => [false, true].map((reboot) => ({ number, when, reboot }))));
    const all = deaths.filter((_, index) => EVERY || index % 2 === 0 || (index > 10 && index < 24));
    expect(all.length).toBeGreaterThanOrEqual(faultsPromised("deaths-in-a-rehearsal"));
    const host = (shell: Shell): StubHost => {
      const one = new StubHost(shell);
      one.install(rehearseProgram(one));
      return one;
    };
    await eachDeath({
      deaths: all, host, really: ({ number }) => number === CALLS,
    }, async (host, { number, when, reboot }) => {
      const where = `${when} ${String(number)}${reboot ? ", reboot" : ""}: ${host.calls()[number - 1] ?? ""}`;
      expect(host.ended(), where).toBeUndefined();
      await host.scopesEnded();
      const unit = join(host.root, "etc/systemd/system/multi-user.target.wants/converge-boot-web1.service");
      if (reboot) {
        const running = host.guests().some(({ disk }) => disk.includes("rehearsal"));
        host.forget();
        if (running) {
          // an orderly one, and nobody had looked after the run: it is the boot unit that does
          expect(existsSync(unit), where).toBe(true);
          mkdirSync(join(host.root, "var/lib/xen/save"), { recursive: true });
          writeFileSync(join(host.root, "var/lib/xen/save", CLONE), `Xen saved domain\0{"uuid":"${rehearsalUuid(CLONE)}"}`);
        }
      } else if (number % 2 === 0) {
        // the recovery dies as well
        host.tell("kill-after", String(host.calls().length + 1));
        await host.run("recover");
        host.untell("kill-after");
      }
      await host.run("recover");
      if (reboot) expectGone(host, `${where}\n${host.journalText()}`);
      else expectUntouched(host, where);
      expect(host.ended(), where).toBe("failed");
      expect(readFileSync(host.config, "utf8"), where).not.toContain("rehearsal");
      journal(host);
    });
  });
});
