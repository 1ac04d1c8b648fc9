import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRunEvent } from "../../src/core/render/read-event.js";
import { faultsPromised } from "../support/faults.js";
import { parseWindow } from "../../src/core/load/window.js";
import { RUNTIME } from "../../src/core/program/runtime.generated.js";
import { eachDeath } from "./deaths.js";
import { GIVEN_UP, HANGS, impatient } from "./hang.js";
import { EVERY, SHELLS, StubHost, byTurns, evaluate, inParallel, shellOf, shellsOf, until, type Shell } from "./host.js";
import { journal } from "./invariants.js";
import { setClock, windowProgram } from "./window.js";

const VOLUME = "/dev/vg0/web1-root";
const ARRAY = "/dev/md/converge-web1-xvda1";

const waits = (host: StubHost): number => host.journalText().split('"event":"waiting"').length - 1;

/** A host whose clock says when, and whose run has got as far as its wait. */
async function waiting(shell: Shell, day = 7, hour = "23", minute = "00") {
  const host = new StubHost(shell);
  host.install(windowProgram(host));
  setClock(host, day, hour, minute);
  const running = host.start("run");
  await until(() => waits(host) > 0, host);
  return { host, running };
}

/** One guest, up; nothing is left but what one on the array needs. */
function expectOn(host: StubHost, disk: typeof VOLUME | typeof ARRAY, where = ""): void {
  const note = `${where}\n${host.journalText()}`;
  expect(host.guests().map(({ state, disk: on }) => ({ state, on })), note).toEqual([{ state: "-b----", on: disk }]);
  expect(readFileSync(host.config, "utf8"), note).toContain(VOLUME);
  const kept = disk === ARRAY ? /boot-web1|^loop|run directory|multi-user/ : /^$/;
  expect(host.leftovers().filter((left) => !kept.test(left)), note).toEqual([]);
  expect(readdirSync(join(host.root, "dev/md")), note).toEqual(disk === ARRAY ? ["converge-web1-xvda1"] : []);
  expect(host.lines(join(host.state, "violations")), note).toEqual([]);
}

/** A host whose clock lies in the window, so that both switches are made in one go. */
function inWindow(shell: Shell, program = windowProgram): StubHost {
  const host = new StubHost(shell);
  host.install(program(host));
  setClock(host, 1, "02");
  return host;
}

/** What a move calls that is made in its window, where nothing goes wrong. */
async function callsInWindow(): Promise<readonly string[]> {
  const host = inWindow("dash");
  try {
    await host.run("run");
    return host.calls();
  } finally {
    host.remove();
  }
}

describe.concurrent("a second switch with a window", { tags: "long" }, () => {
  it.each(shellsOf(0))("is made at once where the clock lies in it, under %s", async (shell) => {
    const host = new StubHost(shell);
    host.install(windowProgram(host));
    setClock(host, 1, "02", "08");
    const { code } = await host.run("run");
    expect(code, host.journalText()).toBe(0);
    expectOn(host, VOLUME);
    expect(waits(host)).toBe(0);
    expect(journal(host).filter(({ event }) => event === "down"), "two switches").toHaveLength(2);
    host.remove();
  });

  it.each(shellsOf(0))("waits on where another run has its guest's memory in Dom0's, and is made once it has not, under %s", async (shell) => {
    const { host, running } = await waiting(shell);
    const book = join(host.root, "var/lib/converge/domains/other");
    const turn = join(host.root, "run/converge/.turn");
    mkdirSync(book, { recursive: true });
    const holder = spawn("flock", [join(book, "lock"), "sleep", "600"], { stdio: "ignore", detached: true });
    await until(() => existsSync(join(book, "lock")), host);
    writeFileSync(turn, "other\n");
    setClock(host, 1, "02");
    await until(() => host.journalText().includes("a run of other has its guest's memory in Dom0's: it is waited for, while there is enough left"), host);
    expect(host.guests().map(({ disk }) => disk)).toEqual([ARRAY]);
    expect(readFileSync(turn, "utf8")).toBe("other\n");
    // whatever comes after the guest is ready: the turn is given back by then
    host.wrap("umount", `[ ! -e '${turn}' ] || cat '${turn}' >>'${host.state}/turns'\nexec "$REAL" "$@"\n`);
    rmSync(turn);
    process.kill(-(holder.pid ?? 0));
    const { code } = await running.ended;
    expect(code, host.journalText()).toBe(0);
    expectOn(host, VOLUME);
    expect(existsSync(join(host.state, "turns"))).toBe(false);
    host.remove();
  });

  it.each(shellsOf(1))("waits on the host until it does, and is made then, under %s", async (shell) => {
    const { host, running } = await waiting(shell);
    expectOn(host, ARRAY, "in the wait");
    expect(host.ended()).toBeUndefined();
    const event = readRunEvent(host.journalText().split("\n").find((line) => line.includes('"event":"waiting"')) ?? "");
    expect(event).toMatchObject({ domain: "web1", window: "Mon 02:00-02:10", opens: 3 * 3600, clock: "Day7 23:00 TEST" });
    setClock(host, 1, "02", "00");
    await running.ended;
    expect(host.ended(), host.journalText()).toBe("done");
    expectOn(host, VOLUME);
    expect(waits(host), "told once").toBe(1);
    expect(existsSync(join(host.runDirectory, "waiting"))).toBe(false);
    host.remove();
  });

  it("passes by a window with too little left of it, and tells again where one went by in which nobody could say where the guest is", async () => {
    const { host, running } = await waiting("dash", 1, "02", "09");
    expect(host.journalText(), "a minute is left, and two are needed").toContain(`"opens":${String(604_800 - 9 * 60)}`);
    host.tell("xl-broken");
    setClock(host, 1, "02", "01");
    host.tell("count-sleeps");
    await until(() => host.lines(join(host.state, "sleeps")).length > 12, host);
    setClock(host, 1, "02", "20");
    await until(() => waits(host) === 2, host);
    host.untell("xl-broken");
    setClock(host, 1, "02", "02");
    await running.ended;
    expect(host.ended(), host.journalText()).toBe("done");
    expectOn(host, VOLUME);
    host.remove();
  });

  it.each(shellsOf(0))("is not made where the guest has left the array by its own reboot: the run goes to its end, under %s", async (shell) => {
    const { host, running } = await waiting(shell);
    await host.command(["xl", "destroy", "web1"]);
    await host.command(["xl", "create", host.config]);
    await running.ended;
    expect(host.ended(), host.journalText()).toBe("done");
    expectOn(host, VOLUME);
    expect(host.journalText()).toContain("web1 is on its volume by itself meanwhile");
    expect(journal(host).filter(({ event }) => event === "skip").map((event) => "id" in event ? event.id : "")).toContain("again.save");
    expect(journal(host).filter(({ event }) => event === "down"), "one switch").toHaveLength(1);
    host.remove();
  });

  it("does not bring up a guest that somebody shut down meanwhile, whether the window comes or a request to stop", async () => {
    for (const comes of ["window", "stop", "death"] as const) {
      const { host, running } = await waiting("busybox sh");
      await host.command(["xl", "destroy", "web1"]);
      await until(() => existsSync(join(host.runDirectory, "gone")), host);
      if (comes === "window") setClock(host, 1, "02", "01");
      else if (comes === "stop") await host.command(["sh", host.program, "stop"]);
      else running.kill();
      await running.ended;
      if (comes === "death") await host.run("recover");
      expect(host.guests(), `${comes}: ${host.journalText()}`).toEqual([]);
      expect(host.ended(), comes).toBe(comes === "stop" ? "stopped" : "done");
      expect(readdirSync(join(host.root, "dev/md")), comes).toEqual([]);
      host.remove();
    }
  });

  it.each(shellsOf(2))("is given up at once on request, and the guest stays on its volume by way of the array, under %s", async (shell) => {
    const { host, running } = await waiting(shell);
    await host.command(["sh", host.program, "stop"]);
    const { code } = await running.ended;
    expect(code).toBe(4);
    expect(host.ended(), host.journalText()).toBe("stopped");
    expectOn(host, ARRAY);
    expect(host.lines(join(host.state, "watchmen")), "its next start lets go of the array").toHaveLength(1);
    host.remove();
  });

  it.each(shellsOf(1))("is taken up by the next run where the wait was killed, and by nobody where Dom0 was rebooted, under %s", async (shell) => {
    for (const reboot of [false, true]) {
      const { host, running } = await waiting(shell);
      running.kill();
      await running.ended;
      if (reboot) host.forget();
      await host.run("recover");
      expectOn(host, reboot ? VOLUME : ARRAY, reboot ? "rebooted" : "killed");
      expect(host.ended(), host.journalText()).toBe(reboot ? "done" : "stuck");
      if (!reboot) expect(host.journalText()).toContain("the second switch, which waited for Mon 02:00-02:10");
      host.remove();
    }
  });

  it("waits on while nobody can say where the guest is, and has no clock to go by where date says nothing", async () => {
    const { host, running } = await waiting("dash");
    host.tell("xl-broken");
    host.tell("count-sleeps");
    setClock(host, 1, "02", "01");
    await until(() => host.lines(join(host.state, "sleeps")).length > 12, host);
    expect(host.ended()).toBeUndefined();
    host.untell("xl-broken");
    await running.ended;
    expectOn(host, VOLUME);
    host.remove();

    const other = new StubHost("dash");
    other.install(windowProgram(other));
    setClock(other, 1, "02");
    other.tell("clock", "nonsense\n");
    await other.run("run");
    expect(other.ended(), other.journalText()).toBe("stuck");
    expect(other.journalText()).toContain("date does not say what time it is");
    expectOn(other, ARRAY);
    other.remove();
  });

  it("is recovered from at whatever call it is killed after the commit, with and without a reboot", async () => {
    const calls = await callsInWindow();
    const commit = calls.findIndex((call) => call.includes(" --fail ")) + 1;
    expect(commit).toBeGreaterThan(10);
    const deaths = calls.flatMap((_call, index) => {
      const number = index + 1;
      if (number <= commit) return [];
      const all = (["kill-before", "kill-after"] as const).flatMap((when) => [true, false].map((reboot) => ({ number, when, reboot })));
      return EVERY ? all : all.filter((_, way) => way === number % 4);
    });
    expect(deaths.length).toBeGreaterThanOrEqual(faultsPromised("deaths-in-a-window"));
    await eachDeath({
      deaths, host: inWindow, really: ({ number }) => number === calls.length,
    }, async (host, { number, when, reboot }) => {
      const where = `${when} ${String(number)} ${calls[number - 1] ?? ""}${reboot ? ", reboot" : ""}`;
      expect(host.ended(), where).toBeUndefined();
      await host.scopesEnded();
      if (reboot) host.forget();
      await host.run("recover");
      const on = host.guests()[0]?.disk;
      expect([VOLUME, ...(reboot ? [] : [ARRAY])], `${where}\n${host.journalText()}`).toContain(on);
      expectOn(host, on === ARRAY ? ARRAY : VOLUME, where);
    });
  });
});

it("a second switch in which a command hangs is given up, and the guest runs on its volume, by way of the array or without", { tags: "long" }, async () => {
  const calls = await callsInWindow();
  const away = calls.findLastIndex((call) => call.startsWith("xl save"));
  const back = calls.findLastIndex((call) => call.startsWith("xl unpause"));
  expect(back).toBeGreaterThan(away);
  const numbers = Array.from({ length: back - away }, (_, index) => away + 1 + index);
  await inParallel(numbers.flatMap((number) => (EVERY ? HANGS : HANGS.filter((_, way) => way === number % 2)).map((hang) => ({ number, hang }))), async ({ number, hang }) => {
    const host = inWindow(shellOf(number), (one) => impatient(windowProgram(one)));
    try {
      host.tell(hang, String(number));
      await host.run("run");
      const where = `${hang} ${String(number)} ${calls[number - 1] ?? ""}\n${host.journalText()}`;
      expect(host.journalText(), where).toMatch(new RegExp(`did not end within ${String(GIVEN_UP)} s, and was given up`));
      const on = host.guests()[0]?.disk;
      expect([VOLUME, ARRAY], where).toContain(on);
      expectOn(host, on === ARRAY ? ARRAY : VOLUME, where);
    } finally {
      host.remove();
    }
  });
});

describe("the host's reckoning of a window", () => {
  const texts = ["02:00-05:00", "22:30-04:00", "Sat,Sun 01:00-05:00", "Sun 23:00-02:00", "00:00-24:00", "Mon-Fri 12:00-12:01", "Fri-Mon 20:00-06:00"];

  /** By looking at each second of the week that comes. */
  function expected(text: string, now: number, needed: number): number {
    const spans = parseWindow(text)?.spans ?? [];
    const left = (at: number): number => Math.max(0, ...spans.map(({ start, minutes }) => {
      const since = (((at - start * 60) % 604_800) + 604_800) % 604_800;
      return since < minutes * 60 ? minutes * 60 - since : 0;
    }));
    for (let ahead = 0; ahead <= 604_800; ahead += 1) if (left(now + ahead) >= needed) return ahead;
    throw new Error("never");
  }

  for (const shell of SHELLS) it(`is that of the calendar, under ${shell}`, byTurns(2, shell), async () => {
    const cases = fc.sample(
      fc.record({ text: fc.constantFrom(...texts), now: fc.integer({ min: 0, max: 604_799 }), needed: fc.integer({ min: 1, max: 60 }) }),
      { numRuns: 60, seed: 7 },
    );
    const script = cases.map(({ text, now, needed }) => {
      const spans = (parseWindow(text)?.spans ?? []).map(({ start, minutes }) => `${String(start)}+${String(minutes)}`).join(" ");
      return `WEEK=${String(now)}; window_opens ${String(needed)} '${spans}'; echo "$OPENS"`;
    });
    const functions = RUNTIME.replace("HERE=$(cd", "HERE=/nowhere # $(cd");
    const { stdout, stderr } = await evaluate(shell, `${functions}\n${script.join("\n")}\n`);
    expect(stdout.trim().split("\n").map(Number), stderr).toEqual(cases.map(({ text, now, needed }) => expected(text, now, needed)));
  });

  it.each(SHELLS)("reads the clock, eights and nines included, under %s", async (shell) => {
    const functions = RUNTIME.replace("HERE=$(cd", "HERE=/nowhere # $(cd");
    const times = ["1 00 00 00", "7 23 59 59", "3 08 09 08", "5 09 08 09"];
    const script = times.map((time) => `date() { echo '${time} Wed 08:09 CEST'; }; week_now && echo "$WEEK $CLOCK"`).join("\n");
    const { stdout } = await evaluate(shell, `${functions}\n${script}\n`);
    expect(stdout.trim().split("\n")).toEqual([0, 604_799, 2 * 86_400 + 8 * 3600 + 9 * 60 + 8, 4 * 86_400 + 9 * 3600 + 8 * 60 + 9]
      .map((week) => `${String(week)} Wed 08:09 CEST`));
  });
});
