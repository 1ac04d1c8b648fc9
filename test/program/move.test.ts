import { mkdirSync, readFileSync, readlinkSync, rmSync, statSync, existsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { MoveOptions as Wished } from "../../src/core/model/desired.js";
import { bootUnitName } from "../../src/core/model/names.js";
import type { Step } from "../../src/core/model/step.js";
import { booksOfRun } from "../../src/core/model/unit.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { formatSeconds } from "../../src/core/render/figures.js";
import { renderRecap } from "../../src/core/render/recap.js";
import { reportOf } from "../../src/core/render/run-report.js";
import { plainStyle } from "../../src/core/render/style.js";
import { installBootUnit } from "../../src/core/steps/boot-unit.js";
import type { CopyFiles } from "../../src/core/steps/copy-files.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import { faultsPromised } from "../support/faults.js";
import { GIVEN_UP, HANGS, impatient } from "./hang.js";
import { SHELLS, StubHost, byTurns, inParallel, shellOf, shellsOf, type Shell } from "./host.js";
import { expectWhole, journal } from "./invariants.js";
import { moveNodes, moveProgram, planOf, type MoveOptions, type Passes } from "./plan.js";

async function withHost(shell: Shell, work: (host: StubHost, before: string) => Promise<void>, options?: MoveOptions): Promise<void> {
  const host = new StubHost(shell);
  try {
    host.install(moveProgram(host, options));
    await work(host, readFileSync(host.config, "utf8"));
  } finally {
    host.remove();
  }
}

/** How many calls of a move change something, and which of them is the commit. */
const CALLS = 24;
const COMMIT = 20;

describe.concurrent("a move", () => {
  it.concurrent.each(SHELLS)("succeeds under %s", async (shell) => {
    await withHost(shell, async (host, before) => {
      const ran = await host.run("run");
      expect(ran).toEqual({ code: 0, stdout: "", stderr: "" });
      expect(expectWhole(host, before), host.journalText()).toBe("new");
      const events = journal(host);
      expect(events[0]).toMatchObject({ event: "begin", run: "1", domain: "web1", digest: "sha256:d1", owner: "alice" });
      expect(events.at(-1)).toMatchObject({ event: "end", outcome: "done" });
      const order = events.flatMap((event) => (["down", "commit", "ready"].includes(event.event) ? [event.event] : []));
      expect(order).toEqual(["down", "commit", "ready"]);
      const pass = events.find((event) => event.event === "pass");
      expect(pass).toMatchObject({ id: "passes", number: 1, bytes: 1234, verdict: "fits" });
      expect(host.calls()).toHaveLength(CALLS);
      expect(host.calls()[COMMIT - 1]).toContain("xl unpause");
      // mode and owner of the config are as they were, and nobody else can read what the run keeps
      expect(statSync(host.config).mode & 0o777).toBe(0o640);
      expect(statSync(join(host.runDirectory, "config.before")).mode & 0o777).toBe(0o600);
      expect(statSync(join(host.runDirectory, "journal.jsonl")).mode & 0o777).toBe(0o600);
      const [history = ""] = host.lines(join(host.book, "history.jsonl"));
      const past: unknown = JSON.parse(history);
      expect(past).toMatchObject({ domain: "web1", strategy: "rsync", switch: "restart", plannedSeconds: 12.5 });
      expect(past).toHaveProperty("downtimeSeconds");
      // the end is the end
      const calls = host.calls().length;
      await host.run("recover");
      expect(host.calls()).toHaveLength(calls);
    });
  });

  it("tells in its journal and in the recap how long the snapshot froze its volume", async () => {
    await withHost("dash", async (host) => {
      const lvcreate = join(host.root, "bin/lvcreate");
      const stub = readlinkSync(lvcreate);
      mkdirSync(join(host.root, "bin/real"));
      symlinkSync(stub, join(host.root, "bin/real/lvcreate"));
      rmSync(lvcreate);
      const slow = 'case "$*" in *" --snapshot "*) "$REAL_SLEEP" 1.2 ;; esac';
      writeFileSync(lvcreate, `#!/bin/sh\n${slow}\nexec '${host.root}/bin/real/lvcreate' "$@"\n`, { mode: 0o755 });
      await host.run("run");
      const events = journal(host);
      const frozen = events.flatMap((event) => (event.event === "frozen" ? [event] : []));
      expect(frozen, host.journalText()).toMatchObject([{ volume: "vg0/srv" }]);
      const [{ seconds } = { seconds: 0 }] = frozen;
      const step = events.find((event) => event.event === "done" && event.id.endsWith("snapshot"));
      expect(seconds).toBeGreaterThanOrEqual(1.2);
      expect(seconds).toBeLessThanOrEqual(step?.event === "done" ? step.seconds : 0);
      const recap = renderRecap(
        [{ host: "dom0a", plan: planOf(host.domain, moveNodes(host)), end: "done", report: reportOf(events) }],
        { width: 120, style: plainStyle, verbosity: 0, describe: describeStep },
      );
      expect(recap.map((line) => line.trim())).toContain(
        `frozen    vg0/srv, with all that is on it, for at most ${formatSeconds(seconds)} at a time, for 1 snapshot`,
      );
    });
  });

  it.each(["fail", "fail-after"] as const)("fails at whatever call, and the guest is up on the right disk (%s)", { tags: "long" }, async (fail) => {
    const numbers = Array.from({ length: CALLS }, (_, index) => index + 1);
    expect(numbers.length).toBeGreaterThanOrEqual(faultsPromised("failing-calls"));
    await inParallel(numbers, async (number) => {
      await withHost(shellOf(number), async (host, before) => {
        host.tell(fail, String(number));
        await host.run("run");
        const side = expectWhole(host, before);
        const events = journal(host);
        const end = events.at(-1);
        const where = `${fail} ${String(number)}: ${host.calls()[number - 1] ?? ""}\n${host.journalText()}`;
        expect(end, where).toMatchObject({ event: "end" });
        const moves = fail === "fail" ? number > COMMIT : number >= COMMIT;
        if (events.some((event) => event.event === "end" && event.outcome === "done")) {
          // tried again, by the runtime itself, or seen to be done
          expect(host.calls()[number - 1], where).toMatch(
            fail === "fail" ? /^umount |^systemctl --no-reload disable/ : /^umount |^systemctl --no-reload disable|^xl unpause /,
          );
          expect(side, where).toBe("new");
        } else if (!moves) {
          expect(side, where).toBe("old");
          expect(end, where).toMatchObject({ outcome: "failed" });
          expect(events.some((event) => event.event === "failed"), where).toBe(true);
          expect(events.some((event) => event.event === "commit"), where).toBe(false);
        } else {
          expect(side, where).toBe("new");
        }
      });
    });
  });
});

describe.concurrent("a command that hangs while the guest is down", { tags: "long" }, () => {
  it("is given up, whichever it is, and the guest is up on the right disk", async () => {
    let calls: readonly string[] = [];
    await withHost("dash", async (host) => {
      await host.run("run");
      calls = host.calls();
    });
    const first = calls.findIndex((call) => call.startsWith("xl shutdown")) + 1;
    const ways = Array.from({ length: COMMIT + 1 - first }, (_, index) => HANGS.map((hang) => ({ number: first + index, hang }))).flat();
    expect(ways.length).toBeGreaterThanOrEqual(faultsPromised("hanging-calls"));
    await inParallel(ways, async ({ number, hang }) => {
      const host = new StubHost(shellOf(number));
      try {
        host.install(impatient(moveProgram(host)));
        const before = readFileSync(host.config, "utf8");
        host.tell(hang, String(number));
        await host.run("run");
        const where = `${hang} call ${String(number)}: ${host.calls().join("\n")}\n${host.journalText()}`;
        expect(host.journalText(), where).toMatch(new RegExp(`did not end within ${String(GIVEN_UP)} s, and was given up|took more than three times its forecast`));
        const side = expectWhole(host, before);
        // what has been let run stays where it is
        const letRun = host.calls()[number - 1]?.startsWith("xl unpause") === true && hang === "hang-after";
        expect(side, where).toBe(letRun ? "new" : "old");
        expect(journal(host).at(-1), where).toMatchObject({ event: "end", outcome: side === "old" ? "failed" : "stuck" });
      } finally {
        host.remove();
      }
    }, 8);
  });
});

describe.concurrent("a guest that will not", { tags: "long" }, () => {
  it("shut down fails the run and stays up, and a watchman is left", async () => {
    await withHost("dash", async (host, before) => {
      host.tell("stubborn");
      host.tell("no-units");
      await host.run("run");
      expect(expectWhole(host, before)).toBe("old");
      expect(journal(host).at(-1)).toMatchObject({ outcome: "failed" });
      expect(host.journalText()).toContain("ignored the shutdown request for 1 s");
      expect(host.lines(join(host.state, "units")).join()).toContain("converge-late-web1");
    });
  });

  it("shut down is destroyed where the playbook says so", async () => {
    await withHost("busybox sh", async (host, before) => {
      host.tell("stubborn");
      await host.run("run");
      expect(expectWhole(host, before)).toBe("new");
      expect(host.calls()).toContain("xl destroy -- 7 ");
    }, { insist: "destroy" });
  });

  it("get ready after the commit leaves it on the new disk: stuck", async () => {
    await withHost("bash", async (host, before) => {
      await host.run("run");
      expect(expectWhole(host, before)).toBe("new");
      expect(journal(host).at(-1)).toMatchObject({ outcome: "stuck" });
    }, { ready: ["false"] });
  });

  it("go away when it has shut down is cleared away, and started again from its old disk", async () => {
    const host = new StubHost("bash");
    try {
      const program = moveProgram(host).replace("LEAVING_CENTIS=6000", "LEAVING_CENTIS=100").replace("KEPT_SECONDS=120", "KEPT_SECONDS=1");
      host.install(program);
      const before = readFileSync(host.config, "utf8");
      host.tell("preserved");
      await host.run("run");
      expect(expectWhole(host, before), host.journalText()).toBe("old");
      expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "failed" });
      expect(host.journalText()).toContain("is down and its domain 7 stays: destroyed, to start it again");
      expect(host.calls()).toContain("xl destroy -- 7 ");
    } finally {
      host.remove();
    }
  });

  it("have its last pass done in three times its forecast comes back on its old disk", async () => {
    await withHost("dash", async (host, before) => {
      host.tell("last-slow");
      await host.run("run");
      expect(expectWhole(host, before)).toBe("old");
      expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "failed" });
      expect(host.journalText()).toMatch(/"event":"down"[^]*took more than three times its forecast of \d+\.\d\d s/);
    });
  });

  it("fit its budget is not touched: refused, with the numbers", async () => {
    await withHost("dash", async (host, before) => {
      await host.run("run");
      expect(expectWhole(host, before)).toBe("old");
      const end = journal(host).at(-1);
      expect(end).toMatchObject({ event: "end", outcome: "refused" });
      expect(host.journalText()).toMatch(/the rest of the downtime 5\.00 s: more than the budget of 3\.00 s/);
      expect(host.calls().some((call) => call.startsWith("xl "))).toBe(false);
      // the copy is kept for the next run
      expect(existsSync(join(host.state, "lv/vg0/web1-root"))).toBe(true);
    }, { budget: 3 });
  });
});

describe.concurrent("a last pass that compares every file", { tags: "long" }, () => {
  /** As the planner has it, where an overhead of five seconds is reckoned. */
  const passesOf = (move: Wished): Passes => {
    const { domains: [plan] } = planHost(aHost([{ name: "web1", disks: { xvda1: {} } }]), [aWish("web1", ["xvda1"], { strategy: "rsync", ...move })], sha256);
    if (plan === undefined) throw new Error("nothing to do");
    const compares = (steps: readonly Step[]): boolean =>
      steps.some(({ kind, args }) => kind === "copy-files" && (args as CopyFiles).compare === "checksum");
    return {
      repeats: plan.nodes.flatMap((node) => (node.node === "repeat"
        ? [{ id: node.id, min: node.min, max: node.max, rule: { ...node.rule, overheadSeconds: 5 }, compares: compares(node.body) }]
        : [])),
      lastCompares: compares(plan.nodes.flatMap((node) => (node.node === "step" ? [node] : []))),
    };
  };
  /** As it is, but that half a second more than forecast is too much where three times the forecast is less than that. */
  const strict = (program: string): string => program.replaceAll("FORECAST_OF + 500", "FORECAST_OF + 50");

  it.each(shellsOf(1))("has the time that it takes to compare them, since that was measured before (%s)", async (shell) => {
    const host = new StubHost(shell);
    try {
      host.install(strict(moveProgram(host, { passes: passesOf({ verify: "full" }) })));
      const before = readFileSync(host.config, "utf8");
      // more than three times what a pass by times takes
      host.tell("rsync-compares", "8");
      await host.run("run");
      expect(expectWhole(host, before), host.journalText()).toBe("new");
      expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "done" });
      const passes = journal(host).flatMap((event) => (event.event === "pass" ? [event] : []));
      expect(passes.at(-1)).toMatchObject({ id: "passes-compared", number: 1 });
      expect(passes.at(-1)?.forecast).toBeGreaterThan(8);
    } finally {
      host.remove();
    }
  });

  it("and would break the budget by that leaves the guest untouched, though the passes before fit it", async () => {
    await withHost("dash", async (host, before) => {
      host.tell("rsync-compares", "12");
      await host.run("run");
      expect(expectWhole(host, before)).toBe("old");
      const passes = journal(host).flatMap((event) => (event.event === "pass" ? [event] : []));
      expect(passes.map(({ id, verdict }) => [id, verdict])).toEqual([["passes", "fits"], ["passes-compared", "as many passes as allowed"]]);
      expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "refused" });
      expect(host.journalText()).toMatch(/the last pass would take (1[2-9]|[2-9]\d)\.\d\d s and the rest of the downtime 5\.00 s: more than the budget of 15\.00 s/);
      expect(host.calls().some((call) => call.startsWith("xl "))).toBe(false);
    }, { passes: passesOf({ verify: "full", downtimeSeconds: 15 }) });
  });
});

describe.concurrent("the unit that looks after the guest when Dom0 reboots in mid-run", () => {
  for (const shell of SHELLS) it.concurrent(`has the very text that a preview shows (${shell})`, byTurns(0, shell), async () => {
    await withHost(shell, async (host) => {
      host.tell("kill-before", String(COMMIT));
      await host.run("run");
      const name = bootUnitName(host.domain);
      const [action] = installBootUnit.actions({ domain: host.domain });
      const shown = action !== undefined && "writes" in action ? action.writes ?? [] : [];
      expect(shown.join("\n")).toContain(`${booksOfRun(host.domain, "RUN")}/program.sh`);
      expect(readFileSync(join(host.root, "etc/systemd/system", name), "utf8"))
        .toBe(shown.map((line) => `${line.replace(booksOfRun(host.domain, "RUN"), host.runDirectory)}\n`).join(""));
    });
  });
});

describe.concurrent("a config with a `=` in its path, which xl takes for a setting unless it is told that it is a file", () => {
  const withOdd = async (work: (host: StubHost, before: string) => Promise<void>): Promise<void> => {
    const host = new StubHost("dash", "web1", "web1", "web=1.cfg");
    try {
      host.install(moveProgram(host));
      await work(host, readFileSync(host.config, "utf8"));
    } finally {
      host.remove();
    }
  };

  it("is what the guest is built from", async () => {
    await withOdd(async (host, before) => {
      expect(await host.run("run")).toMatchObject({ code: 0 });
      expect(expectWhole(host, before), host.journalText()).toBe("new");
    });
  });

  it("is what it is brought back from", async () => {
    await withOdd(async (host, before) => {
      host.tell("fail", String(COMMIT));
      await host.run("run");
      expect(expectWhole(host, before), host.journalText()).toBe("old");
      expect(host.journalText()).not.toContain("could not be taken back");
    });
  });
});

describe.concurrent("a disk of Dom0's that is full by the time a move is taken back", { tags: "long" }, () => {
  /** Nothing can be written beside the config any more. */
  const full = (host: StubHost, link?: "fails" | "is lost"): void => {
    const tools = { cp: 1, ...(link === undefined ? {} : { ln: link === "fails" ? 1 : 0 }) };
    for (const [tool, status] of Object.entries(tools)) {
      const script = `#!/bin/sh\nfor last do :; done\ncase $last in */etc/xen/*) exit ${String(status)} ;; esac\nexec /bin/${tool} "$@"\n`;
      writeFileSync(join(host.root, "bin", tool), script, { mode: 0o755 });
    }
  };
  const createOf = async (): Promise<number> => {
    let calls: readonly string[] = [];
    await withHost("dash", async (host) => {
      await host.run("run");
      calls = host.calls();
    });
    return calls.findIndex((call) => call.startsWith("xl create")) + 1;
  };

  it.each(shellsOf(0).flatMap((shell) => (["fail", "kill-after"] as const).map((how) => ({ shell, how }))))(
    "has the config go back all the same, by a rename ($how, $shell)", async ({ shell, how }) => {
      await withHost(shell, async (host, before) => {
        full(host);
        host.tell(how, String(await createOf()));
        await host.run("run");
        if (how === "kill-after") await host.run("recover");
        expect(expectWhole(host, before), host.journalText()).toBe("old");
        expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "failed" });
        expect(host.journalText()).not.toContain("could not be taken back");
      });
    });

  it("has the guest back on its image where even that fails, and says what the config names", async () => {
    await withHost("dash", async (host, before) => {
      full(host, "is lost");
      host.tell("fail", String(await createOf()));
      await host.run("run");
      expect(host.guests()).toMatchObject([{ state: "-b----", disk: "/srv/disk.img" }]);
      expect(readFileSync(host.config, "utf8")).not.toBe(before);
      expect(host.committing()).toBe(false);
      expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "failed", message: expect.stringContaining("names the new disk: the old one is") as unknown });
    });
  });

  it("ends the run, with nothing written, where the config can not be kept beside itself", async () => {
    await withHost("dash", async (host, before) => {
      full(host, "fails");
      await host.run("run");
      expect(expectWhole(host, before)).toBe("old");
      expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "failed" });
      expect(host.journalText()).toContain("cannot keep the config as it is beside it");
    });
  });
});

describe.concurrent("a systemd that starts no scope any more", { tags: "long" }, () => {
  /** @param cgroups where a process may leave the unit's */
  const withoutScopes = (host: StubHost, cgroups: readonly string[]): void => {
    const path = join(host.root, "bin/systemd-run");
    rmSync(path);
    writeFileSync(path, "#!/bin/sh\necho 'Failed to start transient scope unit: Connection reset by peer' >&2\nexit 1\n", { mode: 0o755 });
    for (const cgroup of cgroups) {
      mkdirSync(join(host.root, cgroup), { recursive: true });
      writeFileSync(join(host.root, cgroup, "cgroup.procs"), "");
    }
  };

  const versions = [["sys/fs/cgroup"], ["sys/fs/cgroup/systemd"], ["sys/fs/cgroup/unified", "sys/fs/cgroup/systemd"]];
  it.each(SHELLS.map((shell, index) => ({ shell, cgroups: versions[index] ?? [] })))(
    "is no reason to leave the guest down that was shut down ($shell)", async ({ shell, cgroups }) => {
      await withHost(shell, async (host, before) => {
        withoutScopes(host, cgroups);
        await host.run("run");
        expect(expectWhole(host, before), host.journalText()).toBe("old");
        expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "failed", message: expect.not.stringContaining("taken back") as unknown });
        expect(host.journalText()).toContain("xl create was not called, since systemd started no scope: systemd-run ended with 1");
        expect(host.journalText()).toContain("web1 is brought back without a scope");
        expect(host.calls().filter((call) => call.startsWith("xl create"))).toHaveLength(1);
        // nothing of the run's end touches what keeps it
        for (const cgroup of cgroups) expect(readFileSync(join(host.root, cgroup, "converge-guest-web1/cgroup.procs"), "utf8")).toMatch(/^\d+\n$/);
      });
    });

  it("leaves the guest to the boot unit, and to whoever looks after the run next, where what keeps it would be ended with the run", async () => {
    await withHost("dash", async (host, before) => {
      withoutScopes(host, []);
      await host.run("run");
      expect(host.guests()).toEqual([]);
      expect(journal(host).at(-1)).toMatchObject({ outcome: "failed", message: expect.stringContaining("could not be taken back: shut-down: xl create was not called") as unknown });
      withoutScopes(host, ["sys/fs/cgroup"]);
      await host.run("recover");
      expect(expectWhole(host, before), host.journalText()).toBe("old");
    });
  });
});

describe.concurrent("a request to stop", { tags: "long" }, () => {
  it("is honoured between steps of prepare", async () => {
    await withHost("dash", async (host, before) => {
      host.tell("stop-after", "3");
      await host.run("run");
      expect(expectWhole(host, before)).toBe("old");
      expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "stopped" });
      expect(host.journalText()).toContain('"event":"stopping"');
    });
  });

  it("ends a running copy", async () => {
    await withHost("busybox sh", async (host, before) => {
      host.tell("rsync-slow", "20");
      const running = host.start("run");
      while (!host.journalText().includes('"id":"copy"')) await new Promise((resolve) => setTimeout(resolve, 20));
      const stop = await host.command(["sh", "-c", `${host.shell} "$1" stop`, "sh", host.program]);
      expect(JSON.parse(stop.stdout)).toEqual({ stopping: "asked; the last step that began is copy" });
      await running.ended;
      expect(expectWhole(host, before)).toBe("old");
      expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "stopped" });
    });
  });

  it.each(["dash", "busybox sh"] as const)("that can not be written down is none, and says so (%s)", async (shell) => {
    await withHost(shell, async (host) => {
      symlinkSync("/nowhere/stop", join(host.runDirectory, "stop"));
      const stop = await host.command(["sh", "-c", `${host.shell} "$1" stop`, "sh", host.program]);
      expect(JSON.parse(stop.stdout)).toEqual({ stopping: `cannot write ${join(host.runDirectory, "stop")}` });
      expect(stop.code).toBe(1);
    });
  });

  it("in the switch waits for its end", async () => {
    await withHost("bash", async (host, before) => {
      host.tell("stop-after", "17");
      await host.run("run");
      expect(expectWhole(host, before)).toBe("new");
      expect(host.journalText()).toContain("the switch has begun: it is finished first");
      expect(journal(host).at(-1)).toMatchObject({ outcome: "done" });
    });
  });
});

describe.concurrent("somebody else", { tags: "long" }, () => {
  it.concurrent.each(shellsOf(1))("who starts the guest on its new disk in mid-switch keeps it there (%s)", async (shell) => {
    await withHost(shell, async (host) => {
      // right after the config was edited: the run finds a guest that it did not create
      host.tell("start-by-hand", host.config);
      await host.run("run");
      // failed would say that it is on its old disk
      expect(journal(host).at(-1)).toMatchObject({ outcome: "stuck", message: expect.stringContaining("to be done: settle") as unknown });
      expect(host.guests()).toMatchObject([{ state: "-b----", disk: "/dev/vg0/web1-root" }]);
      expect(readFileSync(host.config, "utf8")).toContain("/dev/vg0/web1-root");
      expect(host.journalText()).toContain("it stays there");
      expect(host.leftovers()).toEqual([]);
    });
  });

  it("has the guest stay there too when Dom0 loses its power while the run is taken back, wherever it is by then", async () => {
    const begun = async (host: StubHost, ...told: readonly [name: string, value: string][]): Promise<void> => {
      host.tell("start-by-hand", host.config);
      for (const [name, value] of told) host.tell(name, value);
      await host.run("run");
    };
    let calls: readonly string[] = [];
    await withHost("dash", async (host) => {
      await begun(host);
      calls = host.calls();
    });
    const create = calls.findIndex((call) => call.startsWith("xl create -p")) + 1;
    const deaths = Array.from({ length: calls.length - create }, (_, index) => create + 1 + index);
    expect(deaths.length, calls.join("\n")).toBeGreaterThan(2);
    await inParallel(deaths, async (number) => {
      await withHost(shellOf(number), async (host) => {
        await begun(host, ["kill-after", String(number)]);
        const where = `${number}: ${calls[number - 1] ?? ""}`;
        expect(host.ended(), where).toBeUndefined();
        host.forget();
        await host.run("recover");
        expect(host.guests(), `${where}\n${host.journalText()}`).toMatchObject([{ state: "-b----", disk: "/dev/vg0/web1-root" }]);
        expect(readFileSync(host.config, "utf8"), where).toContain("/dev/vg0/web1-root");
        expect(host.leftovers(), where).toEqual([]);
      });
    });
  });
});

it.concurrent.each(shellsOf(2))("what could not be taken back is taken back later, with the directories that it was in (%s)", { tags: "long" }, async (shell) => {
  await withHost(shell, async (host) => {
    host.tell("busy");
    await host.run("run");
    expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "failed", message: expect.stringContaining("could not be taken back") as unknown });
    expect(host.leftovers().length).toBeGreaterThan(0);
    host.untell("busy");
    await host.run("recover");
    expect(host.leftovers(), host.journalText()).toEqual([]);
    expect(existsSync(join(host.runDirectory, "unfinished"))).toBe(false);
  });
});

it.concurrent("a copy for which the volume has no room says what gives it that, and the guest is up on its old disk", async () => {
  await withHost("busybox sh", async (host, before) => {
    rmSync(join(host.root, "bin/rsync"));
    writeFileSync(join(host.root, "bin/rsync"), '#!/bin/sh\necho "rsync: [receiver] write failed on \\"/boot/vmlinux\\": No space left on device (28)" >&2\nexit 11\n', { mode: 0o755 });
    await host.run("run");
    expect(host.journalText()).toContain("the volume has no room for what the image holds (11): a larger size in the playbook gives it that");
    expect(expectWhole(host, before)).toBe("old");
  });
});

describe.concurrent("unknown is not absent", { tags: "long" }, () => {
  /** Calls that changed something, but for the boot unit that came and went. */
  const changes = (host: StubHost): readonly string[] => host.calls().filter((call) => !/^systemctl --no-reload (en|dis)able /.test(call));

  it("where lvs cannot read the group", async () => {
    await withHost("dash", async (host, before) => {
      host.tell("lvs-broken");
      await host.run("run");
      host.untell("lvs-broken");
      expect(expectWhole(host, before)).toBe("old");
      expect(changes(host)).toEqual([]);
      expect(host.journalText()).toContain("Cannot process volume group");
    });
  });

  it("where xl cannot reach xenstore", async () => {
    await withHost("dash", async (host) => {
      host.tell("xl-broken");
      await host.run("run");
      expect(changes(host)).toEqual([]);
      expect(host.ended()).toBe("failed");
    });
  });
});

describe.concurrent("a snapshot that fills", { tags: "long" }, () => {
  const fill = (host: StubHost, data: string, attributes = "swi-a-s---"): void => {
    const line = readFileSync(join(host.state, "lv/vg0/converge-web1-srv"), "utf8").split("|");
    host.tell("lv/vg0/converge-web1-srv", `${line[0] ?? ""}|${line[1] ?? ""}|${attributes}|srv|${data}\n`);
  };

  it("is grown while there is room, and the copy given up when there is none", async () => {
    await withHost("dash", async (host, before) => {
      host.tell("rsync-slow", "20");
      host.tell("vg-free", "512");
      const running = host.start("run");
      while (!host.journalText().includes('"id":"copy"')) await new Promise((resolve) => setTimeout(resolve, 20));
      fill(host, "71.20");
      while (!host.journalText().includes('"event":"watch"')) await new Promise((resolve) => setTimeout(resolve, 20));
      host.tell("vg-free", "64");
      fill(host, "75.10");
      while (!host.journalText().includes("75.10%")) await new Promise((resolve) => setTimeout(resolve, 20));
      host.tell("vg-free", "0");
      fill(host, "85.00");
      await running.ended;
      expect(expectWhole(host, before)).toBe("old");
      const watched = journal(host).filter((event) => event.event === "watch");
      expect(watched).toMatchObject([
        { what: "vg0/converge-web1-srv", value: "71.20%", acted: "grown by 512 bytes" },
        { value: "75.10%", acted: "grown by 64 bytes" },
        { value: "85.00%", acted: "the copy is given up" },
      ]);
    });
  });

  it.each([["at the very end", "0"], ["of which the copy fails before anybody looks", "23"]])("does not count as a source once it overflowed, be it %s", async (_, ended) => {
    await withHost("bash", async (host, before) => {
      host.tell("rsync-held");
      if (ended !== "0") host.tell("rsync-rc", ended);
      const running = host.start("run");
      while (!host.journalText().includes('"id":"copy"')) await new Promise((resolve) => setTimeout(resolve, 5));
      fill(host, "", "swi-I-s---");
      host.untell("rsync-held");
      await running.ended;
      expect(expectWhole(host, before)).toBe("old");
      expect(journal(host).find(({ event }) => event === "failed"), host.journalText()).toMatchObject({ message: expect.stringContaining("overflowed") as unknown });
    });
  });
});

for (const shell of SHELLS) it.concurrent(`a snapshot that the power has left between a volume and none is taken away, under ${shell}`, byTurns(1, shell), async () => {
  await withHost(shell, async (host, before) => {
    host.tell("rsync-held");
    host.start("run");
    while (!host.journalText().includes('"id":"copy"')) await new Promise((resolve) => setTimeout(resolve, 5));
    const [size = "", tags = ""] = readFileSync(join(host.state, "lv/vg0/converge-web1-srv"), "utf8").split("|");
    host.forget();
    host.untell("rsync-held");
    // for LVM first makes it no snapshot, and takes the volume away then
    host.tell("lv/vg0/converge-web1-srv", `${size}|${tags}|-wi-------||\n`);
    await host.run("recover");
    expect(host.ended(), host.journalText()).toBe("failed");
    expect(existsSync(join(host.state, "lv/vg0/converge-web1-srv")), host.journalText()).toBe(false);
    expect(host.leftovers(), host.journalText()).toEqual([]);
    expect(readFileSync(host.config, "utf8")).toBe(before);
  });
});

describe.concurrent("a thin snapshot", { tags: "long" }, () => {
  const POOL = "vg0/pool";
  const pool = (host: StubHost, data: string, attributes = "twi-aotz--"): void => { host.tell(`lv/${POOL}`, `4096||${attributes}||${data}\n`); };
  const thin = (host: StubHost): void => {
    const line = readFileSync(join(host.state, "lv/vg0/converge-web1-srv"), "utf8").split("|");
    host.tell("lv/vg0/converge-web1-srv", `${line[0] ?? ""}|${line[1] ?? ""}|Vwi-aotz--|srv|100.00\n`);
  };
  const inCopy = async (host: StubHost): Promise<void> => {
    while (!host.journalText().includes('"id":"copy"')) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it("may be all there: that is no overflow", async () => {
    await withHost("busybox sh", async (host, before) => {
      pool(host, "60.00");
      host.tell("rsync-slow", "1.2");
      host.tell("rsync-held");
      const running = host.start("run");
      await inCopy(host);
      thin(host);
      host.untell("rsync-held");
      await running.ended;
      expect(expectWhole(host, before), host.journalText()).toBe("new");
      expect(journal(host).filter((event) => event.event === "watch")).toEqual([]);
    }, { pool: POOL });
  });

  it.each([["is nearly full", "91.50", "twi-aotz--", "filled to 91.50%"], ["is full", "100.00", "twi-aotzD-", "full or has failed"]])(
    "is given up when its pool %s",
    async (_name, data, attributes, says) => {
      await withHost("dash", async (host, before) => {
        pool(host, "60.00");
        host.tell("rsync-slow", "20");
        const running = host.start("run");
        await inCopy(host);
        thin(host);
        pool(host, data, attributes);
        await running.ended;
        expect(expectWhole(host, before)).toBe("old");
        expect(journal(host).filter((event) => event.event === "watch")).toMatchObject([{ what: POOL, acted: "the copy is given up" }]);
        expect(host.journalText()).toContain(says);
      }, { pool: POOL });
    },
  );
});
