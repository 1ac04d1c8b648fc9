import { describe, expect, test, vi } from "vitest";
import type { Command, CommandResult } from "../../src/core/model/command.js";
import type { Checked } from "../../src/core/model/diagnostic.js";
import type { RunOptions } from "../../src/edge/hosts/host.js";
import { aHost } from "../support/a-host.js";
import { FakeHost } from "./fake-host.js";
import { startCli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

/** A host that does not answer any more, and a user who does not want to wait for it. */

const files = tempFiles({
  "inventory.yml": "all: { hosts: { dom0a: } }\n",
  "web.yml": "- hosts: all\n  domains: { web1: { disks: { xvda1: { volume: vg0/web1-root } } } }\n",
});
const ARGV = ["-i", files["inventory.yml"], files["web.yml"], "--yes"];
const before = aHost([{ name: "web1", disks: { xvda1: {} } }]);
const never = new Promise<never>(() => undefined);

/** A promise, and what fulfils it. */
function moment(): { readonly come: Promise<void>; readonly now: () => void } {
  let now = (): void => undefined;
  const come = new Promise<void>((resolve) => { now = resolve; });
  return { come, now: () => { now(); } };
}

class Hanging extends FakeHost {
  constructor(private readonly onSubmit: () => void) {
    super("dom0a");
  }

  override run(command: Command, options: RunOptions = {}): Promise<Checked<CommandResult>> {
    if (options.stdin === undefined) return super.run(command, options);
    this.onSubmit();
    return never;
  }
}

describe("signals while the program is sent", () => {
  const start = async () => {
    const sent = moment();
    const run = startCli(ARGV, { hosts: { dom0a: new Hanging(sent.now) }, states: () => before });
    await sent.come;
    return run;
  };

  test("the first Ctrl-C says what it waits for, the second leaves the run to itself", async () => {
    const run = await start();
    run.signal("SIGINT");
    expect(run.err()).toContain("on its way to the host");
    run.signal("SIGINT");
    expect(await run.exit).toBe(130);
    expect(run.out()).toContain("converge attach");
    expect(run.out()).toContain("whether it has begun there is not known");
  });

  test("SIGTERM leaves it at once", async () => {
    const run = await start();
    run.signal("SIGTERM");
    expect(await run.exit).toBe(143);
  });
});

describe("signals while the host is looked at", () => {
  /** The look of that number hangs; the first is the preview. */
  const start = async (hangingLook: number) => {
    const hangs = moment();
    let looks = 0;
    const host = new FakeHost("dom0a", {
      events: [
        { event: "begin", run: "one", domain: "web1", digest: "d", owner: "alice@laptop" },
        { event: "end", outcome: "done", message: "" },
      ],
    });
    const run = startCli(ARGV, {
      hosts: { dom0a: host }, states: () => before,
      onLook: async () => {
        looks += 1;
        if (looks < hangingLook) return;
        hangs.now();
        await never;
      },
    });
    await hangs.come;
    return { run, host };
  };

  test("before a guest: nothing is begun", async () => {
    const { run, host } = await start(2);
    run.signal("SIGINT");
    expect(run.err()).toContain("nothing is begun for this guest any more; it waits for dom0a");
    run.signal("SIGINT");
    expect(await run.exit).toBe(130);
    expect(host.submissions).toEqual([]);
    expect(run.out()).toContain("not started");
  });

  test.each([[["SIGINT", "SIGINT"], 130], [["SIGTERM"], 143]] as const)("after a run: what it did was not looked at (%s)", async (signals, code) => {
    const { run } = await start(3);
    for (const signal of signals) run.signal(signal);
    expect(await run.exit).toBe(code);
    expect(run.out() + run.err()).toContain("not-verified");
    expect(run.out()).toContain("nobody could look");
  });
});

describe("a stop", () => {
  const BEGIN = { event: "begin", run: "one", domain: "web1", digest: "d", owner: "alice@laptop" } as const;

  /** A run that is under way until it hears of the stop, and what its host answers first to one. */
  class Deaf extends FakeHost {
    constructor(private readonly answers: Checked<CommandResult>[]) {
      super("dom0a", { events: [BEGIN, { event: "end", outcome: "done", message: "" }], waitsAfter: 1, onStop: [{ event: "end", outcome: "stopped", message: "as asked" }] });
    }

    override run(command: Command, options: RunOptions = {}): Promise<Checked<CommandResult>> {
      const answer = command.includes("stop") ? this.answers.shift() : undefined;
      return answer === undefined ? super.run(command, options) : Promise.resolve(answer);
    }
  }

  test("that the host does not hear is asked for again, until it does", async () => {
    const lost = { value: undefined, diagnostics: [{ severity: "error", code: "connection-lost", summary: "the connection broke" }] } as const;
    const host = new Deaf([lost, lost]);
    const run = startCli(ARGV, { hosts: { dom0a: host }, states: () => before });
    await host.isWaiting;
    run.signal("SIGINT");
    expect(await run.exit).toBe(130);
    expect(run.err().match(/the host has not heard it yet/g)).toHaveLength(1);
    expect(run.out()).toContain("stopped as asked");
  });

  test("that the run can not be asked for is told, and not taken for one that it heeds", async () => {
    const host = new Deaf([{ value: { exitCode: 1, stdout: '{"stopping":"cannot write /var/lib/converge/stop"}\n', stderr: "" }, diagnostics: [] }]);
    const run = startCli(ARGV, { hosts: { dom0a: host }, states: () => before });
    await host.isWaiting;
    run.signal("SIGINT");
    await vi.waitFor(() => { expect(run.err()).toContain("can not be asked to stop, and goes on: cannot write /var/lib/converge/stop"); });
    run.signal("SIGINT");
    expect(await run.exit).toBe(130);
    expect(run.out()).toContain("still running on the host");
  });
});
