import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { safeName } from "../../src/core/model/names.js";
import type { RunEvent } from "../../src/core/model/run-event.js";
import { formatRate, formatSeconds } from "../../src/core/render/figures.js";
import { plainStyle } from "../../src/core/render/style.js";
import { showProgress } from "../../src/edge/terminal/progress.js";
import { faultsPromised } from "../support/faults.js";
import { GIVEN_UP, HANGS, impatient } from "./hang.js";
import { below } from "./below.js";
import { eachDeath } from "./deaths.js";
import { EVERY, StubHost, inParallel, shellOf, shellsOf, until, type Shell } from "./host.js";
import { journal } from "./invariants.js";
import { mirrorNodes, mirrorProgram, type How, type Mirror } from "./mirror.js";

/** What the guest's disk lies on in the end: by way of its mapping, where it runs on one. */
/** The mirror's volume gives errors, and the kernel knows. */
function failVolume(host: StubHost, by: Mirror): void {
  if (by === "dm") {
    host.tell("health", "AD");
  } else if (by === "md") {
    const md = join(host.root, "sys/block", readlinkSync(join(host.root, "dev/md/converge-web1-xvda1")).replace("../", ""), "md");
    const volume = readdirSync(md).find((member) => /^dev-(?!7_)/.test(member));
    writeFileSync(join(md, volume ?? "", "state"), "faulty,write_error\n");
  } else {
    const copy = join(host.state, "drbd/converge-web1-xvda1.copy");
    const minor = readFileSync(join(copy, "minor"), "utf8").trim();
    writeFileSync(join(copy, "state"), "Failed\n");
    const table = join(host.root, "proc/drbd");
    const told = readFileSync(table, "utf8").replace(new RegExp(`^( *${minor}: .*ds:)UpToDate`, "m"), "$1Failed");
    expect(told).toContain("ds:Failed/");
    writeFileSync(table, told);
  }
}

/** One guest, up; its disk and its config agree; nothing is left but what a guest on a mapping needs. */
function expectWhole(host: StubHost, oldConfig: string, where: string): "old" | "new" {
  const note = `${where}\n${host.journalText()}`;
  const guests = host.guests();
  expect(guests.map((guest) => guest.state), note).toEqual(["-b----"]);
  const disk = guests[0]?.disk ?? "";
  const side = below(host, disk) === "/srv/disk.img" ? "old" : "new";
  const config = readFileSync(host.config, "utf8");
  if (side === "old") expect(config, note).toBe(oldConfig);
  else {
    expect(below(host, disk), note).toBe("/dev/vg0/web1-root");
    expect(config, note).toContain("/dev/vg0/web1-root");
  }
  expect(host.lines(join(host.state, "violations")), note).toEqual([]);
  const mapped = /^\/dev\/(mapper|md|drbd)\//.test(disk);
  const kept = mapped ? /boot-web1|^loop|run directory|multi-user/ : /^$/;
  expect(host.leftovers().filter((left) => !kept.test(left)), note).toEqual([]);
  const made = [
    ...readdirSync(join(host.state, "dm")).map((name) => `/dev/mapper/${name}`),
    ...readdirSync(join(host.root, "dev/md")).map((name) => `/dev/md/${name}`),
    ...(existsSync(join(host.state, "drbd")) ? readdirSync(join(host.state, "drbd")).map((name) => `/dev/drbd/${name}`) : []),
  ];
  expect(made, note).toEqual(mapped ? [disk] : []);
  expect(readdirSync(join(host.state, "dm")).filter((name) => existsSync(join(host.state, "dm", name, "suspended"))), note).toEqual([]);
  const arrays = readdirSync(join(host.root, "sys/block")).map((name) => join(host.root, "sys/block", name, "md/suspend_hi"));
  expect(arrays.filter((file) => existsSync(file) && readFileSync(file, "utf8") !== "0\n"), `${note}: writes are kept back`).toEqual([]);
  expect(host.ended(), note).toBeDefined();
  // a bitmap stays with the array that has it, for the run that goes on with it
  const noted = readdirSync(host.book).filter((file) => /\.(bitmap|copied)$/.test(file));
  expect(mapped && side === "old" ? [] : noted, note).toEqual([]);
  expect(readdirSync(host.runDirectory), note).not.toContain("trial");
  return side;
}

const WAYS = [
  { how: "suspend", by: "dm", turn: 0 }, { how: "restart", by: "dm", turn: 1 }, { how: "migrate", by: "dm", turn: 2 },
  { how: "suspend", by: "md", turn: 3 }, { how: "restart", by: "md", turn: 4 },
  { how: "suspend", by: "drbd", turn: 5 },
  { how: "suspend", by: "md-preseed", turn: 6 },
] as const;
const ONTO = {
  dm: "/dev/mapper/converge-web1-xvda1", md: "/dev/md/converge-web1-xvda1", drbd: "/dev/drbd/converge-web1-xvda1",
  "md-preseed": "/dev/md/converge-web1-xvda1",
} as const;
const MIRRORED = { dm: /^dmsetup reload .* mirror /, md: / --add /, drbd: /^drbdsetup connect converge-web1-xvda1\.copy /, "md-preseed": /converge-web1-xvda1 --re-add / } as const;
const COMMIT = {
  dm: (call: string, before: string) => call.startsWith("dmsetup resume") && before.includes(" linear "),
  md: (call: string) => call.includes(" --fail "),
  "md-preseed": (call: string) => call.includes(" --fail "),
  drbd: (call: string) => call.startsWith("drbdsetup resource-options"),
} as const satisfies Record<string, (call: string, before: string) => boolean>;
/** Calls that may fail: they are tried again, or another number is. */
const TRIED_AGAIN = /^(umount|mdadm|losetup --detach|drbdsetup (new-minor|connect)) /;
/** The same, and one of which it is looked at what it has done. */
const SEEN_TO_BE_DONE = /^(umount|mdadm|losetup --detach|drbdsetup (new-minor|connect)|xl unpause) /;
/** Calls that only this way makes, or makes in a state of its own: from the boot unit on until the guest runs on its mapping. */
const OWN = /^(mount|umount|systemctl|xl (?!config-update))/;

/** What a move calls where nothing goes wrong: found out once for each way. */
const callsOfWay = new Map<string, Promise<readonly string[]>>();
function callsOf(how: How, by: Mirror): Promise<readonly string[]> {
  const way = `${how} ${by}`;
  const calls = callsOfWay.get(way) ?? findCalls(how, by);
  callsOfWay.set(way, calls);
  return calls;
}

async function findCalls(how: How, by: Mirror): Promise<readonly string[]> {
  const host = new StubHost("dash");
  try {
    host.install(mirrorProgram(host, how, by));
    await host.run("run");
    return host.calls();
  } finally {
    host.remove();
  }
}

it.concurrent.each(shellsOf(0))("a mirror that is in sync before anybody looks at it is looked after all the same, under %s", { tags: "long" }, async (shell) => {
  const host = new StubHost(shell);
  try {
    host.install(mirrorProgram(host, "suspend", "dm"));
    host.tell("fast-mirror");
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    expect(journal(host).filter((event) => event.event === "skip")).toEqual([]);
    expect(host.lines(join(host.runDirectory, "watched/converge-web1-xvda1")), "its image").toContain(host.image);
    const past = JSON.parse(host.lines(join(host.book, "history.jsonl"))[0] ?? "{}") as Record<string, unknown>;
    expect(past["bytes"]).toBe(4 * 1024 ** 2);
  } finally {
    host.remove();
  }
});

describe.concurrent.each(WAYS)("a move mirrored by $by ($how)", ({ how, by, turn }) => {
  // the ways by one mirror differ in how the guest is taken over, which is the same for all mirrors
  it.each(shellsOf(turn))("ends with the guest on its volume, under %s", { tags: [0, 4, 5].includes(turn) ? [] : ["long"] }, async (shell) => {
    const host = new StubHost(shell);
    try {
      host.install(mirrorProgram(host, how, by));
      const before = readFileSync(host.config, "utf8");
      const { code, stderr } = await host.run("run");
      expect(code, `${stderr}\n${host.journalText()}`).toBe(0);
      expect(expectWhole(host, before, "at the end")).toBe("new");
      expect(host.guests()[0]?.disk).toBe(ONTO[by]);
      expect(journal(host).some((event) => event.event === "progress" && event.percent === 100)).toBe(true);
      const past = JSON.parse(host.lines(join(host.book, "history.jsonl"))[0] ?? "{}") as Record<string, unknown>;
      expect(past).toMatchObject({ switch: how, plannedSeconds: 12.5, memoryMiB: 128 });
      // only DRBD has the guest wait for that
      expect(past["exchangeSeconds"] === undefined, JSON.stringify(past)).toBe(by !== "drbd");
      // all of it, however much was there before anybody looked; half of it is free where that is looked at
      expect(past["bytes"]).toBe((by === "dm" && how === "restart" ? 2 : 4) * 1024 ** 2);
    } finally {
      host.remove();
    }
  });
});

describe.concurrent.each(["dm", "md", "drbd"] as const)("a mirror by %s in the midst of its copy", (by) => {
  /** What a terminal shows of an event: a line that moves, or lines. */
  function shown(event: RunEvent, isTTY: boolean): string {
    const errStream = Object.assign(new PassThrough(), {
      isTTY, cursorTo: () => true, clearLine: () => true, moveCursor: () => true, columns: 120,
    });
    let out = "";
    const progress = showProgress({
      console: {
        out: (text) => { out += text; }, err: () => undefined, input: new PassThrough(), errStream, outIsTTY: isTTY,
        columns: 120, env: { TERM: "xterm" }, onSignal: () => () => undefined,
      },
      style: plainStyle, domain: "web1", verbosity: 0, besideOthers: false,
    });
    progress.event(event);
    progress.close();
    return isTTY ? ((errStream.read() as Buffer | null) ?? Buffer.alloc(0)).toString("utf8") : out;
  }

  it.each(shellsOf({ dm: 0, md: 1, drbd: 2 }[by]))("tells bytes, rate and time left, under %s", by === "md" ? {} : { tags: "long" }, async (shell) => {
    const host = new StubHost(shell);
    try {
      host.install(mirrorProgram(host, "suspend", by));
      const before = readFileSync(host.config, "utf8");
      // a quarter, and no further
      host.tell("slow-mirror", "1");
      const running = host.start("run");
      const told = () => host.journalText().split("\n").slice(0, -1).map((line) => JSON.parse(line) as RunEvent)
        .flatMap((event) => (event.event === "progress" && event.id === "sync" && event.bytes > 0 ? [event] : []));
      await until(() => told().length >= 2, host);
      host.untell("slow-mirror");
      await running.ended;
      expect(expectWhole(host, before, "told")).toBe("new");
      const events = journal(host);
      const [, last] = told();
      if (last === undefined) throw new Error(host.journalText());
      const total = 4 * 1024 ** 2;
      expect(last, host.journalText()).toMatchObject({ bytes: total / 4, percent: 25 });
      // since the copy began, which is not before the step before: in that time, to the rounding of its figures
      const steps = events.filter((event) => event.event === "step" && event.seq < last.seq);
      const [connected, waited] = steps.slice(-2).map(({ at }) => last.at - at);
      expect(last.rate).toBeGreaterThanOrEqual(Math.floor(last.bytes / ((connected ?? 0) + 1)));
      expect(last.rate).toBeLessThanOrEqual(last.bytes / Math.max((waited ?? 0) - 1, 0.5));
      expect(last.left).toBe(Math.floor((total - last.bytes) / last.rate));
      expect(last.left).toBeGreaterThan(0);
      const text = `25 %, 1 MiB, ${formatRate(last.rate)}, ${formatSeconds(last.left)} left`;
      expect(shown(last, true)).toContain(text);
      expect(shown(last, false)).toContain(text);
    } finally {
      host.remove();
    }
  });
});

describe.concurrent("a guest that is taken over, and of which domain, disks and loops go one after the other", () => {
  it.each(["suspend", "restart", "migrate"] as const)("is let run only once all of that is gone (%s)", async (how) => {
    const host = new StubHost("dash");
    try {
      host.install(mirrorProgram(host, how, "dm"));
      const before = readFileSync(host.config, "utf8");
      host.tell("lingers");
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("done");
      expect(existsSync(join(host.state, "lingering")), "it has gone by itself").toBe(false);
      expect(expectWhole(host, before, how)).toBe("new");
    } finally {
      host.remove();
    }
  });

  it("is let run only then, too, where both ends of a migration died and the first one is destroyed", { tags: "long" }, async () => {
    const host = new StubHost("busybox sh");
    try {
      host.install(mirrorProgram(host, "migrate", "dm").replace("tries=150\n", "tries=15\n"));
      const before = readFileSync(host.config, "utf8");
      host.tell("lingers");
      host.tell("migrate-dies", "5");
      await host.run("run");
      expect(host.journalText()).toContain("web1 had been migrated: its copy runs on");
      expect(existsSync(join(host.state, "lingering")), "it has gone by itself").toBe(false);
      expect(expectWhole(host, before, "died")).toBe("old");
    } finally {
      host.remove();
    }
  });
});

describe.concurrent.each(["dm", "md"] as const)("the commit of a mirror by %s", (by) => {
  async function failing(shell: Shell, how: "fail" | "fail-after") {
    const calls = await callsOf("suspend", by);
    const host = new StubHost(shell);
    host.install(mirrorProgram(host, "suspend", by));
    const before = readFileSync(host.config, "utf8");
    const number = calls.findLastIndex((call, at) => COMMIT[by](call, calls[at - 1] ?? "")) + 1;
    expect(number, calls.join("\n")).toBeGreaterThan(0);
    host.tell(how, String(number));
    await host.run("run");
    const side = expectWhole(host, before, how);
    const ended = host.ended();
    const text = host.journalText();
    host.remove();
    return { side, ended, text };
  }

  it.each(shellsOf(by === "dm" ? 0 : 1))("that acted and ended badly is one: the guest never gets back to its image, under %s", by === "md" ? {} : { tags: "long" }, async (shell) => {
    const { side, ended, text } = await failing(shell, "fail-after");
    expect(text).toMatch(/ended with 5, and had done it/);
    expect([side, ended], text).toEqual(["new", "done"]);
  });

  it("that the kernel has not made is none: the guest is back on its image", by === "dm" ? {} : { tags: "long" }, async () => {
    const { side, ended, text } = await failing("dash", "fail");
    expect([side, ended], text).toEqual(["old", "failed"]);
    expect(text).not.toContain('"event":"commit"');
  });
});

// `xl shutdown -a` shuts all guests down, and no other command of xl's takes the name for one either
for (const [turn, [name, how, by]] of ([["-a", "restart", "dm"], ["-c", "suspend", "dm"], ["--all", "migrate", "dm"], ["--help", "suspend", "drbd"]] as const).entries()) it.concurrent(`a guest called ${name} is moved as any other (${how}, ${by})`, { tags: turn === 0 ? [] : ["long"] }, async () => {
  const host = new StubHost("dash", name, safeName(name));
  try {
    host.install(mirrorProgram(host, how, by));
    const { code, stderr } = await host.run("run");
    expect(code, `${stderr}\n${host.journalText()}`).toBe(0);
    expect(host.lines(join(host.state, "violations"))).toEqual([]);
    expect(host.guests().map(({ state }) => state)).toEqual(["-b----"]);
    expect(below(host, host.guests()[0]?.disk ?? "")).toBe("/dev/vg0/web1-root");
  } finally {
    host.remove();
  }
});

it.concurrent("a guest called -a is brought back where its move fails, at whatever call", { tags: "long" }, async () => {
  const calls = await callsOf("restart", "dm");
  await inParallel(calls.map((_, index) => index + 1), async (number) => {
    const host = new StubHost(shellOf(number), "-a", safeName("-a"));
    try {
      host.install(mirrorProgram(host, "restart", "dm"));
      host.tell("fail", String(number));
      await host.run("run");
      const note = `${String(number)}: ${host.journalText()}`;
      expect(host.lines(join(host.state, "violations")), note).toEqual([]);
      expect(host.guests().map(({ state }) => state), note).toEqual(["-b----"]);
    } finally {
      host.remove();
    }
  });
});

describe.concurrent.each(WAYS)("a move mirrored by $by ($how) that does not go well", { tags: "long" }, ({ how, by, turn }) => {
  // a migrating guest runs nearly all the while; of the others some wait in `npm run test:all`
  it.skipIf(how === "migrate" || (!EVERY && turn % 2 !== 0))("has a command that hangs while the guest is away given up, and the guest is back on its image", async () => {
    const calls = await callsOf(how, by);
    const away = calls.findIndex((call) => /^xl (save|shutdown) /.test(call));
    const back = calls.findIndex((call, index) => index > away && call.startsWith("xl unpause"));
    const numbers = Array.from({ length: back - away }, (_, index) => away + 1 + index).filter((_, index) => EVERY || index % 2 === 0);
    expect(numbers.length).toBeGreaterThan(0);
    await inParallel(numbers, async (number) => {
      const host = new StubHost(shellOf(number));
      try {
        host.install(impatient(mirrorProgram(host, how, by)));
        const before = readFileSync(host.config, "utf8");
        host.tell(number % 2 === 0 ? "hang-before" : "hang-after", String(number));
        await host.run("run");
        const where = `call ${String(number)}: ${host.calls().join("\n")}`;
        expect(host.journalText(), where).toMatch(new RegExp(`did not end within ${String(GIVEN_UP)} s, and was given up`));
        expect(expectWhole(host, before, where), where).toBe("old");
        expect(journal(host).at(-1), where).toMatchObject({ event: "end", outcome: "failed" });
      } finally {
        host.remove();
      }
    }, 8);
  });

  it("has a command that fails, whether or not it has acted, and the guest is up on the disk that has all it wrote, whichever it is", async () => {
    const calls = await callsOf(how, by);
    const ways = calls.flatMap((_, index) => (["fail", "fail-after"] as const).map((fail) => ({ number: index + 1, fail })));
    expect(ways.length).toBeGreaterThanOrEqual(faultsPromised("failing-calls-in-a-mirror"));
    await inParallel(ways, async ({ number, fail }) => {
      const host = new StubHost(shellOf(number));
      try {
        host.install(mirrorProgram(host, how, by));
        const before = readFileSync(host.config, "utf8");
        host.tell(fail, String(number));
        await host.run("run");
        const made = host.calls().slice(0, number);
        const where = `${fail} ${String(number)}: ${made[number - 1] ?? ""}`;
        const side = expectWhole(host, before, where);
        const commit = made.findIndex((call, at) => COMMIT[by](call, made[at - 1] ?? "")) + 1;
        // by DRBD it is what comes after it that moves the guest
        const moves = commit > 0 && (number > commit || (fail === "fail-after" && by !== "drbd"));
        const end = journal(host).at(-1);
        const note = `${where}\n${host.journalText()}`;
        if (end?.event === "end" && end.outcome === "done") {
          // tried again by the runtime itself, or seen to be done
          const again = fail === "fail" ? TRIED_AGAIN : SEEN_TO_BE_DONE;
          if (!moves) expect(made[number - 1], note).toMatch(again);
          expect(side, note).toBe("new");
        } else {
          expect(end, note).toMatchObject({ event: "end", outcome: moves ? "stuck" : "failed" });
          expect(side, note).toBe(moves ? "new" : "old");
        }
        expect(host.committing(), note).toBe(side === "new");
        await host.run("recover");
        expect(expectWhole(host, before, `${where}, looked after once more`), where).toBe(side);
      } finally {
        host.remove();
      }
    });
  });

  it.runIf(by === "drbd")("has a call that hangs in the commit, in which writes wait, given up", async () => {
    const calls = (await callsOf(how, by)).map((call) => call.replaceAll(/\/\S*converge-program-\w+/g, "ROOT"));
    const first = calls.findIndex((call) => call.includes("--on-no-data-accessible=suspend-io"));
    const last = calls.findIndex((call) => call.includes("--on-no-data-accessible=io-error"));
    expect(last).toBeGreaterThan(first);
    // by their words: how many come before depends on how fast it copies
    const within = [...new Set(calls.slice(first, last + 1))].filter((call) => call.startsWith("drbd"));
    const ways = within.flatMap((call, index) => (EVERY ? HANGS : HANGS.filter((_, way) => way === index % 2)).map((hang) => ({ call, index, hang })));
    await inParallel(ways, async ({ call, index, hang }) => {
      const host = new StubHost(shellOf(index));
      try {
        host.install(impatient(mirrorProgram(host, how, by)));
        const before = readFileSync(host.config, "utf8");
        host.tell(hang, call.replaceAll("ROOT", host.root));
        await host.run("run");
        const where = `${hang} ${call}`;
        // before the commit it is taken back; after it, what is left of it is done all the same, and that it hung is told
        const forced = /^drbdsetup disconnect .*2:7900 $/.test(call);
        expect(host.ended(), `${where}\n${host.journalText()}`).toBe(index === 0 ? "failed" : forced ? "done" : "stuck");
        if (!forced) expect(host.journalText(), where).toMatch(new RegExp(`did not end within ${String(GIVEN_UP)} s, and was given up`));
        expect(expectWhole(host, before, where), where).toBe(index === 0 ? "old" : "new");
        const suspended = readdirSync(join(host.state, "drbd")).filter((name) => existsSync(join(host.state, "drbd", name, "suspended")));
        expect(suspended, `${where}: writes wait`).toEqual([]);
      } finally {
        host.remove();
      }
    }, 8);
  });

  it("goes back to the image when the volume gives errors in mid-mirror, and the guest runs on", async () => {
    const host = new StubHost("dash");
    try {
      host.install(mirrorProgram(host, how, by));
      const before = readFileSync(host.config, "utf8");
      host.tell("health", "AD");
      host.tell("md-health", "volume");
      host.tell("drbd-health", "volume");
      await host.run("run");
      expect(expectWhole(host, before, "dead leg")).toBe("old");
      expect(host.journalText()).toContain("the volume gives errors");
      expect(host.ended()).toBe("failed");
    } finally {
      host.remove();
    }
  });

  it.runIf(by === "dm")("goes on to the volume when the image fails once all is in sync, and back when the volume does", async () => {
    const cases = [["DA", "new"], ["RA", "new"], ["AD", "old"], ["DD", "old"], ["DA", "new", "fast-mirror"], ["AD", "old", "fast-mirror"]] as const;
    for (const [health, side, pace] of cases) {
      const host = new StubHost("dash");
      try {
        host.install(mirrorProgram(host, how, by));
        const before = readFileSync(host.config, "utf8");
        host.tell("health-in-sync", health);
        if (pace !== undefined) host.tell(pace);
        await host.run("run");
        expect(expectWhole(host, before, health), health).toBe(side);
        expect(host.ended(), health).toBe(side === "new" ? "done" : "failed");
        expect(host.journalText(), health).toContain(side === "new" ? "the volume holds everything" : "the volume gives errors");
      } finally {
        host.remove();
      }
    }
  });

  it.runIf(by !== "dm")("goes on to the volume when the image is dropped right before the commit, and back when the volume is", async () => {
    for (const [member, side] of [["image", "new"], ["volume", "old"]] as const) {
      const host = new StubHost("dash");
      try {
        host.install(mirrorProgram(host, how, by));
        const before = readFileSync(host.config, "utf8");
        host.tell("md-fails-late", member);
        host.tell("drbd-fails-late", member);
        await host.run("run");
        expect(expectWhole(host, before, member), member).toBe(side);
        expect(host.ended(), member).toBe(side === "new" ? "done" : "failed");
        expect(host.journalText(), member).toContain(side === "new" ? "the volume holds everything" : "the volume gives errors");
      } finally {
        host.remove();
      }
    }
  });

  it.runIf(by === "dm")("is bounded by the throttle of all mirrors, which another guest's run may hold too, and gives it back", async () => {
    const host = new StubHost("busybox sh");
    try {
      writeFileSync(host.throttle, "70\n");
      host.install(mirrorProgram(host, how, by));
      host.tell("slow-mirror");
      const running = host.start("run");
      const shared = join(host.root, "run/converge/throttle");
      await until(() => existsSync(join(shared, "before")) && readFileSync(host.throttle, "utf8") !== "70\n");
      expect(readFileSync(join(shared, "before"), "utf8")).toBe("70\n");
      writeFileSync(join(shared, "guest.other"), "");
      host.untell("slow-mirror");
      await running.ended;
      expect(host.ended()).toBe("done");
      expect(readFileSync(host.throttle, "utf8"), "the other run still needs it").not.toBe("70\n");
      expect(readdirSync(shared).sort()).toEqual(["before", "guest.other"]);
    } finally {
      host.remove();
    }
  });

  it("goes on, after Dom0 has rebooted in order, from the mapping that was made again for the guest that was saved on it", async () => {
    const mirrored = (await callsOf(how, by)).findIndex((call) => MIRRORED[by].test(call)) + 1;
    for (const shell of shellsOf(turn)) {
      const host = new StubHost(shell);
      try {
        host.install(mirrorProgram(host, how, by));
        host.tell("kill-after", String(mirrored));
        await host.run("run");
        mkdirSync(join(host.root, "var/lib/xen/save"), { recursive: true });
        writeFileSync(join(host.root, "var/lib/xen/save/web1"), "memory");
        host.forget();
        await host.run("recover");
        expect(below(host, ONTO[by]), host.journalText()).toBe("/srv/disk.img");
        rmSync(join(host.root, "var/lib/xen/save/web1"));
        host.untell("kill-after");

        // what the next run of the same wish begins with
        rmSync(host.runDirectory, { recursive: true });
        rmSync(join(host.book, "current"));
        host.install(mirrorProgram(host, how, by, ["attach", "create-mapping", "create-array", "track-array", "create-resource"]));
        await host.run("run");
        expect(host.ended(), host.journalText()).toBe("done");
        expect(readdirSync(join(host.state, "loops")), "and DRBD's metadata").toHaveLength(by === "drbd" ? 2 : 1);
      } finally {
        host.remove();
      }
    }
  });

  it("is there again at boot for a guest that was saved on it, where an earlier run had made it", async () => {
    for (const shell of shellsOf(turn)) {
      const host = new StubHost(shell);
      try {
        host.install(mirrorProgram(host, how, by, [
          "attach", "create-mapping", "create-array", "track-array", "create-resource", "create", "write-before", "write-next", "make-room", "install-boot-unit", "save",
          "restore-paused", "shut-down", "create-paused", "migrate", "compare", "resume", "ready", "give-room-back",
        ]));
        await host.run("run");
        const onto = host.guests()[0]?.disk ?? "";
        expect(onto).toMatch(/^\/dev\/(mapper|md|drbd)\/converge-web1-xvda1$/);

        // the next run of the same wish finds all of that
        rmSync(host.runDirectory, { recursive: true });
        rmSync(join(host.book, "current"));
        host.install(mirrorProgram(host, how, by, [
          "create", "attach", "create-mapping", "create-array", "track-array", "create-resource", "install-boot-unit", "start-mirror", "grow-array",
          "connect-resource", "preseed", "re-add-array", "sync", "write-next",
          "write-stored", "complete", "edit", "update-stored", "switch", "cut", "detach", "retire",
        ]));
        await host.run("run");
        expect(host.ended(), host.journalText()).toBe("done");
        expect(host.journalText()).toMatch(/"event":"skip","id":"(create-mapping|create-array|track-array|create-resource)"/);

        writeFileSync(join(host.root, "var/lib/xen/save/web1"), "memory");
        host.forget();
        await host.run("recover");
        expect(below(host, onto), host.journalText()).toBe("/dev/vg0/web1-root");
        expect(existsSync(join(host.root, "etc/systemd/system/converge-boot-web1.service")), "needed until nobody has it").toBe(true);
        expect(existsSync(join(host.state, "violations"))).toBe(false);
      } finally {
        host.remove();
      }
    }
  });

  it("is recovered from at whatever call it is killed, with and without a reboot", async () => {
    const calls = await callsOf(how, by);
    const commit = calls.findIndex((call, at) => COMMIT[by](call, calls[at - 1] ?? "")) + 1;
    expect(commit).toBeGreaterThan(10);
    const deaths = calls.flatMap((call, at) => {
      // counted from the end: what the ways have in common has the same number in all
      const third = (calls.length - at + turn) % 3;
      const reboot = at % 2 === (how === "suspend" ? 0 : 1);
      const all = [
        { number: at + 1, when: "kill-after", reboot }, { number: at + 1, when: "kill-before", reboot: !reboot },
        { number: at + 1, when: "kill-after", reboot: !reboot }, { number: at + 1, when: "kill-before", reboot },
      ] as const;
      // after which nobody but the recovery lets the guest run on
      const pauses = by === "drbd" && call.startsWith("xl pause ");
      // a table that is loaded, and that whatever resumes the device would take over
      const loaded = by === "dm" && at + 2 === commit;
      if (EVERY || at + 1 === commit || pauses || loaded) return all;
      // a call of its own is died after, and every other one before as well, but DRBD's, of which there are many, before or
      // after by turns; of the others each way has its third
      const own = (by === "dm" ? OWN : by === "drbd" ? /^drbd/ : /^(mdadm|dd )/).test(call);
      const chosen = own ? [by !== "drbd" || at % 2 === 1, at % 2 === 0] : [third === 0, third === 1 && at % 2 === 0];
      return all.filter((_, index) => chosen[index] === true);
    });
    expect(deaths.length).toBeGreaterThanOrEqual(faultsPromised("deaths-in-a-mirror"));
    if (by === "drbd") expect(calls.slice(0, commit).filter((call) => call.startsWith("xl pause ")).length, "paused for its commit").toBeGreaterThan(0);
    const host = (shell: Shell): StubHost => {
      const one = new StubHost(shell);
      one.install(mirrorProgram(one, how, by));
      return one;
    };
    await eachDeath({
      deaths, host, really: ({ number, reboot }) => number === commit && !reboot,
    }, async (host, { number, when, reboot }, before) => {
      const where = `${how} ${when} ${String(number)}${reboot ? ", reboot" : ""}: ${host.calls()[number - 1] ?? ""}`;
      expect(host.ended(), where).toBeUndefined();
      await host.scopesEnded();
      const wasUp = host.guests().some((guest) => guest.state === "-b----");
      // a guest that is down then may have been on its volume alone: nobody knows, and the volume lacks nothing
      const stays = reboot && readFileSync(host.config, "utf8") !== before;
      if (reboot) host.forget();
      await host.run("recover");
      const committed = host.committing();
      if (reboot && host.guests().length === 0) {
        // up when the power went, before the run had touched it: xendomains, not the run, is who starts it
        expect(wasUp && !committed, `${where}\n${host.journalText()}`).toBe(true);
        expect(host.leftovers(), where).toEqual([]);
      } else {
        expect(expectWhole(host, before, where), where).toBe(committed ? "new" : "old");
        expect(committed, where).toBe(number >= commit || stays);
      }
      const made = host.calls().length;
      await host.run("recover");
      expect(host.calls().length, where).toBe(made);
    });
  });
});

it.concurrent.each(["dm", "md", "md-preseed", "drbd"] as const)("what a guest comes up on when it reboots itself is not taken away by a run that is taken back, made by %s", { tags: "long" }, async (by) => {
  for (const [turn, awaited] of [ONTO[by], `${ONTO[by]}2`].entries()) {
    const host = new StubHost(shellOf(turn));
    try {
      host.install(mirrorProgram(host, "suspend", by));
      host.tell("kill-before", String((await callsOf("suspend", by)).findIndex((call) => call.startsWith("xl save")) + 1));
      await host.run("run");
      expect(host.ended()).toBeUndefined();
      const [domid = ""] = readdirSync(join(host.state, "doms"));
      const stored = join(host.root, `var/lib/xen/userdata-d.${domid}.uuid-of-it.xl`);
      // an earlier run has had xl store it; and another disk's name may begin with this one's
      writeFileSync(stored, `disk = [ "phy:${awaited},xvda1,w" ]\n`);
      await host.run("recover");
      const made = [
        ...readdirSync(join(host.state, "dm")).map((name) => `/dev/mapper/${name}`),
        ...readdirSync(join(host.root, "dev/md")).map((name) => `/dev/md/${name}`),
        ...(existsSync(join(host.state, "drbd")) ? readdirSync(join(host.state, "drbd")).map((name) => `/dev/drbd/${name}`) : []),
      ];
      expect(made, host.journalText()).toEqual(turn === 0 ? [ONTO[by]] : []);
      expect(host.leftovers().some((left) => left.includes("boot-web1")), "Dom0's next boot needs it").toBe(turn === 0);
      expect(host.journalText().includes("comes up on it when it reboots itself")).toBe(turn === 0);
      expect(host.guests().map(({ state, disk }) => [state, disk])).toEqual([["-b----", "/srv/disk.img"]]);
      if (turn === 1) expect(host.ended(), host.journalText()).toBe("failed");
      // Dom0 reboots: nobody awaits anything any more
      rmSync(stored);
      host.forget();
      await host.run("recover");
      expect(host.leftovers(), host.journalText()).toEqual([]);
    } finally {
      host.remove();
    }
  }
});

describe.concurrent.each(["dm", "md", "drbd"] as const)("a guest whose run died between its config and the cut, mirrored by %s", { tags: "long" }, (by) => {
  const died = async (host: StubHost): Promise<string> => {
    host.install(mirrorProgram(host, "suspend", by));
    const before = readFileSync(host.config, "utf8");
    const calls = await callsOf("suspend", by);
    host.tell("kill-after", String(calls.findIndex((call) => call.startsWith("xl config-update")) + 1));
    await host.run("run");
    expect(host.ended()).toBeUndefined();
    expect(readFileSync(host.config, "utf8")).not.toBe(before);
    return before;
  };
  const xl = (host: StubHost, ...words: readonly string[]): Promise<unknown> => host.command([join(host.root, "bin/xl"), ...words]);

  it.each(shellsOf(by === "dm" ? 0 : 1))("stays on its volume if it has been there and was stopped again, under %s", async (shell) => {
    const host = new StubHost(shell);
    try {
      const before = await died(host);
      await xl(host, "shutdown", "--", host.domain);
      await xl(host, "create", host.config);
      await xl(host, "shutdown", "--", host.domain);
      expect(host.guests()).toEqual([]);
      await host.run("recover");
      expect(readFileSync(host.config, "utf8"), host.journalText()).not.toBe(before);
      expect(host.committing()).toBe(true);
      // who stopped it may start it
      expect(host.guests()).toEqual([]);
      expect(host.leftovers()).toEqual([]);
      expect(host.ended()).toBe("done");
      expect(host.journalText()).toContain("its next start is on its new disk");
      expect(host.journalText()).toContain("may have been on its new disk since, which lacks nothing");
    } finally {
      host.remove();
    }
  });

  it("goes back to its image when its volume has failed since", async () => {
    const host = new StubHost("dash");
    try {
      const before = await died(host);
      await xl(host, "shutdown", "--", host.domain);
      failVolume(host, by);
      await host.run("recover");
      expect(readFileSync(host.config, "utf8"), host.journalText()).toBe(before);
      expect(host.committing()).toBe(false);
      // who stopped it may start it
      expect(host.guests()).toEqual([]);
      expect(host.leftovers()).toEqual([]);
    } finally {
      host.remove();
    }
  });

  it("goes back to its image while it runs on the mirror", async () => {
    const host = new StubHost("dash");
    try {
      const before = await died(host);
      await host.run("recover");
      expect(expectWhole(host, before, "running")).toBe("old");
    } finally {
      host.remove();
    }
  });
});

describe.concurrent("a command of which nobody can tell what it has done", { tags: "long" }, () => {
  /** A tool that does something of its own first. */
  const instead = (host: StubHost, tool: string, script: string): void => {
    const path = join(host.root, "bin", tool);
    const real = join(host.root, "bin/real", tool);
    mkdirSync(join(host.root, "bin/real"), { recursive: true });
    symlinkSync(readlinkSync(path), real);
    rmSync(path);
    writeFileSync(path, `#!/bin/sh\nreal='${real}' state='${host.state}'\n${script}\nexec "$real" "$@"\n`, { mode: 0o755 });
  };

  it.each(shellsOf(0))("in the commit of a mirror leaves its mark, and the guest goes to its volume, under %s", async (shell) => {
    for (const acts of [true, false]) {
      const host = new StubHost(shell);
      try {
        host.install(mirrorProgram(host, "suspend", "dm"));
        const before = readFileSync(host.config, "utf8");
        // and nothing is said of any table after that, for a while
        instead(host, "dmsetup", `
if [ "$1" = resume ] && [ ! -e "$state/failed" ] && grep -qs linear "$state/dm/converge-web1-xvda1/next"; then
  : >"$state/failed"
  : >"$state/mute"
  ${acts ? '"$real" "$@"' : ":"}
  exit 5
fi
if [ "$1" = info ] && [ -e "$state/mute" ]; then rm "$state/mute"; exit 1; fi`);
        await host.run("run");
        const where = acts ? "it had acted" : "it had not";
        expect(expectWhole(host, before, where), host.journalText()).toBe("new");
        expect(host.committing(), where).toBe(true);
        expect(host.ended(), host.journalText()).toBe("stuck");
      } finally {
        host.remove();
      }
    }
  });

  it.each(shellsOf(1))("when a thawed guest was to be let run leaves its memory spent: it is not used again, under %s", async (shell) => {
    const host = new StubHost(shell);
    try {
      host.install(mirrorProgram(host, "suspend", "dm"));
      const before = readFileSync(host.config, "utf8");
      // it ran, and somebody took it down before anybody looked
      instead(host, "xl", 'if [ "$1" = unpause ]; then "$real" "$@"; "$real" destroy -- web1; exit 5; fi');
      await host.run("run");
      expect(host.lines(join(host.state, "violations")), host.journalText()).toEqual([]);
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(host.guests(), "whoever took it down may start it").toEqual([]);
      expect(readFileSync(host.config, "utf8")).toBe(before);
    } finally {
      host.remove();
    }
  });

  it("when a migrated guest was to be let run does not make it a lost one", async () => {
    const host = new StubHost("dash");
    try {
      host.install(mirrorProgram(host, "migrate", "dm").replace("tries=150\n", "tries=15\n"));
      const before = readFileSync(host.config, "utf8");
      host.tell("migrate-dies", "6");
      instead(host, "xl", 'if [ "$1" = unpause ]; then "$real" "$@"; exit 5; fi');
      await host.run("run");
      expect(expectWhole(host, before, "migrated")).toBe("old");
      expect(host.guests().map(({ domid }) => domid), host.journalText()).toEqual(["8"]);
      expect(host.journalText()).toContain("xl ended with 5, and had done it: web1 runs");
      expect(host.journalText()).not.toContain("could not be taken back");
    } finally {
      host.remove();
    }
  });
});

describe.concurrent("a move mirrored by DRBD", { tags: "long" }, () => {
  /** A run of it on a host of its own. */
  async function mirrored(shell: "dash" | "bash" | "busybox sh", prepare: (host: StubHost) => void) {
    const host = new StubHost(shell);
    host.install(mirrorProgram(host, "suspend", "drbd"));
    const before = readFileSync(host.config, "utf8");
    prepare(host);
    await host.run("run");
    return { host, before };
  }

  it.each(shellsOf(1))("keeps away from minors and ports that somebody has, or means to have, under %s", async (shell) => {
    const { host, before } = await mirrored(shell, (one) => {
      one.tell("drbd-config", "resource r0 {\n    on dom0 {\n        volume 0 {\n            device       /dev/drbd901 minor 901;\n        }\n        address          ipv4 10.0.0.1:7901;\n    }\n}\n");
      mkdirSync(join(one.root, "sys/block/drbd900"), { recursive: true });
      mkdirSync(join(one.root, "run/drbd"), { recursive: true });
      mkdirSync(join(one.root, "proc/net"), { recursive: true });
      symlinkSync("/etc/drbd-r1.conf", join(one.root, "run/drbd/drbd-minor-902.conf"));
      writeFileSync(join(one.root, "proc/net/tcp"), "  sl  local_address rem_address   st\n   0: 0100007F:1EDC 00000000:0000 0A 00000000:00000000\n");
    });
    expect(host.ended(), host.journalText()).toBe("done");
    const calls = host.calls().filter((call) => call.startsWith("drbdsetup"));
    expect(calls.filter((call) => call.includes("new-minor")).map((call) => call.split(" ")[3])).toEqual(["903", "904"]);
    expect(calls.find((call) => call.includes(" connect "))).toContain("127.0.0.1:7902 127.0.0.2:7902");
    expect(readdirSync(join(host.root, "run/drbd")), "and leaves what is theirs").toEqual(["drbd-minor-902.conf"]);
    rmSync(join(host.root, "run/drbd"), { recursive: true });
    expect(expectWhole(host, before, "not in the way")).toBe("new");
    host.remove();
  });

  it("gives way to the guest where the playbook asks for no rate, and keeps to the rate where it does", async () => {
    const { host, before } = await mirrored("dash", () => undefined);
    const limits = host.calls().flatMap((call) => {
      const found = /^drbdsetup disk-options \d+ --c-plan-ahead=0 --resync-rate=(\d+) --c-min-rate=(\d+) $/.exec(call);
      return found === null ? [] : [{ rate: Number(found[1]), least: Number(found[2]) }];
    });
    // the step that connects has a limit of 1 MiB/s here, and the one that waits has none
    expect(limits.slice(0, 2)).toEqual([{ rate: 512, least: 0 }, { rate: 512, least: 0 }]);
    expect(limits.slice(2).length, "of both ends").toBeGreaterThanOrEqual(2);
    expect(limits.slice(2).every(({ least }) => least === 4096), JSON.stringify(limits)).toBe(true);
    expect(expectWhole(host, before, "at its pace")).toBe("new");
    host.remove();
  });

  it.each(shellsOf(0))("has what Dom0 still holds of an emulated disk's writes brought to both, once the guest is paused, and before the image goes, under %s", async (shell) => {
    const { host, before } = await mirrored(shell, (one) => {
      rmSync(join(one.root, "bin/sync"));
      // with the guest's state, and whether the image is gone
      const looks = 'echo "$* $(cat "$STUB_STATE"/doms/*/state) $(grep -c "^drbdsetup detach" "$STUB_STATE/calls")" >>"$STUB_STATE/synced"';
      writeFileSync(join(one.root, "bin/sync"), `#!/bin/sh\ncase $* in */dev/drbd/*) ${looks} ;; esac\n`, { mode: 0o755 });
    });
    expect(host.ended(), host.journalText()).toBe("done");
    const synced = host.lines(join(host.state, "synced"));
    expect(synced.length).toBeGreaterThan(0);
    for (const line of synced) expect(line).toMatch(/\/dev\/drbd\/converge-web1-xvda1 \S*p\S* 0$/);
    expect(expectWhole(host, before, "written back")).toBe("new");
    host.remove();
  });

  it("is not cut where that can not be written", async () => {
    const { host, before } = await mirrored("dash", (one) => {
      rmSync(join(one.root, "bin/sync"));
      writeFileSync(join(one.root, "bin/sync"), "#!/bin/sh\ncase $* in */dev/drbd/*) exit 1 ;; esac\n", { mode: 0o755 });
    });
    expect(host.ended(), host.journalText()).toBe("failed");
    expect(host.journalText()).toContain("sync ended with 1");
    expect(host.calls().some((call) => call.startsWith("drbdsetup detach"))).toBe(false);
    expect(expectWhole(host, before, "not written back")).toBe("old");
    host.remove();
  });

  it("is not begun where DRBD's helper would say no, and the helper stays as it is", async () => {
    const { host, before } = await mirrored("busybox sh", (one) => {
      writeFileSync(join(one.root, "sbin/drbdadm"), "#!/bin/sh\nexit 1\n");
    });
    expect(host.journalText()).toContain("DRBD's helper (/sbin/drbdadm) says no to a resource that the host's config does not name");
    expect(readFileSync(join(host.root, "sys/module/drbd/parameters/usermode_helper"), "utf8")).toBe("/sbin/drbdadm\n");
    expect(host.calls().some((call) => call.startsWith("drbdsetup connect"))).toBe(false);
    expect(expectWhole(host, before, "no helper")).toBe("old");
    host.remove();
  });

  it("gives the guest its image back when that fails in mid-mirror, and says so", async () => {
    const { host, before } = await mirrored("dash", (one) => {
      one.tell("drbd-health", "image");
    });
    expect(host.journalText()).toContain("the image gives errors (DRBD says: Diskless)");
    expect(host.journalText()).toContain("had lost the image to an error, and has it again");
    expect(host.ended()).toBe("failed");
    expect(expectWhole(host, before, "image")).toBe("old");
    const device = host.guests()[0]?.disk ?? "";
    const minor = readlinkSync(host.root + device).replace("../", "");
    expect(readFileSync(join(host.root, "sys/block", minor, "queue/discard_max_bytes"), "utf8"), "on it once more").toBe("0\n");
    host.remove();
  });

  it("goes on by way of the second resource where the volume can not take the image's place, and lets no write fail", async () => {
    const { host } = await mirrored("bash", (one) => {
      one.tell("drbd-refuses");
    });
    expect(host.ended(), host.journalText()).toBe("stuck");
    expect(host.journalText()).toContain("web1 runs on its volume by way of converge-web1-xvda1.copy");
    expect(existsSync(join(host.state, "drbd/converge-web1-xvda1/suspended")), "no write waits").toBe(false);
    expect(existsSync(join(host.state, "violations"))).toBe(false);
    expect(readFileSync(host.config, "utf8")).toContain("/dev/vg0/web1-root");
    host.untell("drbd-refuses");
    await host.run("recover");
    expect(below(host, "/dev/drbd/converge-web1-xvda1"), host.journalText()).toBe("/dev/vg0/web1-root");
    host.remove();
  });
});

describe.concurrent("an array that a guest was saved on when Dom0 rebooted in order", { tags: "long" }, () => {
  it.each(shellsOf(2))("is not stopped while xendomains holds the guest, and is there again at boot, on the volume, to stay, under %s", async (shell) => {
    const host = new StubHost(shell);
    const name = "md/converge-web1-xvda1";
    const saved = join(host.root, "var/lib/xen/save/web1");
    try {
      host.install(mirrorProgram(host, "suspend", "md"));
      await host.run("run");
      expect(host.ended()).toBe("done");
      writeFileSync(saved, "");
      rmSync(join(host.state, "doms"), { recursive: true });
      mkdirSync(join(host.state, "doms"));
      for (const backend of readdirSync(join(host.root, "sys/bus/xen-backend/devices"))) {
        rmSync(join(host.root, "sys/bus/xen-backend/devices", backend), { recursive: true });
      }
      host.tell("count-sleeps");
      const watchman = host.start("retire", name);
      await until(() => host.lines(join(host.state, "sleeps")).length >= 3);
      watchman.kill();
      await watchman.ended;
      expect(existsSync(join(host.root, "dev", name)), "Dom0 is going down").toBe(true);

      host.forget();
      host.untell("watchmen");
      await host.run("recover");
      expect(below(host, `/dev/${name}`)).toBe("/dev/vg0/web1-root");
      expect(host.lines(join(host.state, "watchmen")), "the guest's own reboot uses it again").toEqual([]);
      rmSync(saved);
      const later = host.start("retire", name);
      await later.ended;
      expect(existsSync(join(host.root, "dev", name)), "a watchman stops what nobody has").toBe(false);
      expect(existsSync(join(host.state, "violations"))).toBe(false);
    } finally {
      host.remove();
    }
  });
});

/** The guest under a new domain id, as after a reboot. */
function restarted(host: StubHost): string {
  const [domid = ""] = readdirSync(join(host.state, "doms"));
  renameSync(join(host.state, "doms", domid), join(host.state, "doms/40"));
  const devices = join(host.root, "sys/bus/xen-backend/devices");
  for (const name of readdirSync(devices)) renameSync(join(devices, name), join(devices, name.replace(`vbd-${domid}-`, "vbd-40-")));
  return join(host.state, "doms/40/vbd/51713");
}
function looped(host: StubHost): void {
  mkdirSync(join(host.state, "loops/loop9"));
  writeFileSync(join(host.state, "loops/loop9/file"), host.image);
  writeFileSync(join(host.root, "dev/loop9"), "7:9\n");
}

/** Somebody starts the guest around the mirror: under a new domain id, and on its image. */
function startAround(host: StubHost): void {
  const vbd = restarted(host);
  looped(host);
  writeFileSync(join(vbd, "params"), host.image);
  writeFileSync(join(vbd, "node"), join(host.root, "dev/loop9"));
  writeFileSync(join(vbd, "physical-device"), "7:9\n");
  const devices = join(host.root, "sys/bus/xen-backend/devices");
  for (const name of readdirSync(devices)) writeFileSync(join(devices, name, "physical_device"), "7:9\n");
}

describe.concurrent.each(["dm", "md"] as const)("a mirror by %s", { tags: "long" }, (by) => {
  /** Does something in mid-mirror, and lets the copy go on once the run had a look at it, or has ended. */
  async function meddled(shell: Shell, meddle: (host: StubHost) => void) {
    const host = new StubHost(shell);
    host.install(mirrorProgram(host, "restart", by));
    const before = readFileSync(host.config, "utf8");
    host.tell("slow-mirror");
    const running = host.start("run");
    const looks = (): number => journal(host).filter((event) => event.event === "progress").length;
    await until(() => looks() > 0);
    meddle(host);
    const seen = looks();
    await until(() => host.ended() !== undefined || looks() > seen + 1);
    host.untell("slow-mirror");
    await running.ended;
    return { host, before };
  }

  it.each(shellsOf(by === "dm" ? 0 : 1))("is void when somebody attached its image, under %s", async (shell) => {
    const { host } = await meddled(shell, looped);
    expect(host.ended(), host.journalText()).toBe("failed");
    expect(host.journalText()).toMatch(/the mirror is void: .*disk.img is in use by .*loop9/);
    expect(below(host, host.guests()[0]?.disk ?? "")).toBe("/srv/disk.img");
    host.remove();
  });

  it("is void when somebody started the guest around it, which is let be", async () => {
    const { host } = await meddled("dash", startAround);
    expect(host.journalText()).toMatch(/the mirror is void: another guest has .*disk.img: web1 \(40\)/);
    expect(host.ended()).toBe("failed");
    expect(host.guests()).toEqual([{ domid: "40", state: "-b----", disk: "/srv/disk.img" }]);
    host.remove();
  });

  it("is not void when the guest rebooted by itself and came up on it again", async () => {
    const { host, before } = await meddled("dash", (one) => void restarted(one));
    expect(host.journalText()).toContain("web1 has been started anew meanwhile, on its mirrors");
    expect(expectWhole(host, before, "own reboot")).toBe("new");
    host.remove();
  });
});

describe.concurrent.each(["dm", "drbd"] as const)("a guest that is being suspended for a mirror by %s", { tags: "long" }, (by) => {
  const program = (host: StubHost): string => impatient(mirrorProgram(host, "suspend", by))
    .replace("KEPT_SECONDS=120\n", "KEPT_SECONDS=1\n").replace("LEAVING_CENTIS=6000\n", "LEAVING_CENTIS=50\n");

  it.each(shellsOf(by === "dm" ? 0 : 1))("is started anew on its image where xl hangs in the midst of it, under %s", async (shell) => {
    const host = new StubHost(shell);
    host.install(program(host));
    const before = readFileSync(host.config, "utf8");
    host.tell("save-torn", "hangs");
    await host.run("run");
    expect(expectWhole(host, before, "hangs")).toBe("old");
    expect(host.journalText()).toContain("web1 is down and its domain 7 stays: destroyed, to start it again");
    expect(host.ended()).toBe("failed");
    host.remove();
  });

  it.each(shellsOf(by === "dm" ? 1 : 2))("is started anew on its image where all is killed in the midst of it, under %s", async (shell) => {
    const host = new StubHost(shell);
    host.install(program(host));
    const before = readFileSync(host.config, "utf8");
    host.tell("save-torn", "killed");
    await host.run("run");
    expect(host.guests()[0]?.state, host.journalText()).toBe("---ss-");
    await host.run("recover");
    expect(expectWhole(host, before, "killed")).toBe("old");
    expect(host.ended()).toBe("failed");
    host.remove();
  });

  it("is left alone where it is somebody else who saves it", async () => {
    const host = new StubHost("dash");
    host.install(program(host));
    host.tell("save-torn", "killed");
    await host.run("run");
    // another one than the run sent away
    writeFileSync(join(host.runDirectory, "down"), readFileSync(join(host.runDirectory, "down"), "utf8").replace(/^7 /, "6 "));
    await host.run("recover");
    expect(host.guests()[0]?.state, host.journalText()).toBe("---ss-");
    expect(host.journalText()).toContain("the domain 7 is suspended, and not by this run");
    host.remove();
  });
});

describe.concurrent("a guest that DRBD's commit has paused, and nothing else", { tags: "long" }, () => {
  it.each(shellsOf(1))("runs on where the program is killed right then, under %s", async (shell) => {
    const install = (): StubHost => {
      const host = new StubHost(shell);
      const ids = mirrorNodes(host, "suspend", "drbd").map(({ id }) => id).filter((id) => !["hold", "compare-legs", "release"].includes(id));
      host.install(mirrorProgram(host, "suspend", "drbd", ids));
      return host;
    };
    const whole = install();
    await whole.run("run");
    const number = whole.calls().findIndex((call) => call.startsWith("xl pause ")) + 1;
    whole.remove();
    expect(number).toBeGreaterThan(0);
    const host = install();
    const before = readFileSync(host.config, "utf8");
    host.tell("kill-after", String(number));
    await host.run("run");
    expect(host.guests().map(({ state }) => state)).toEqual(["--p---"]);
    const domains = readdirSync(join(host.state, "doms"));
    await host.run("recover");
    expect(readdirSync(join(host.state, "doms")), "it is the same domain, not one that was started anew").toEqual(domains);
    expect(expectWhole(host, before, "killed while it is paused")).toBe("old");
    expect(host.guests().map(({ state }) => state), host.journalText()).toEqual(["-b----"]);
    host.remove();
  });
});

describe.concurrent.each(["dm", "md", "drbd"] as const)("a mirror by %s whose legs are compared at rest", { tags: "long" }, (by) => {
  async function compared(shell: Shell, tell: (host: StubHost) => void) {
    const host = new StubHost(shell);
    host.install(mirrorProgram(host, "suspend", by));
    const before = readFileSync(host.config, "utf8");
    tell(host);
    await host.run("run");
    return { host, before };
  }

  it.each(shellsOf({ dm: 0, md: 1, drbd: 2 }[by]))("copies the block that differs once more, and says so, under %s", async (shell) => {
    const { host, before } = await compared(shell, (one) => {
      one.tell("differs", "17");
    });
    expect(expectWhole(host, before, "differs")).toBe("new");
    expect(host.lines(join(host.state, "copied"))).toEqual([
      `if=${host.image} of=${host.root}/dev/vg0/web1-root bs=1048576 skip=0 seek=0 count=1 oflag=direct conv=notrunc,fsync status=none`,
    ]);
    expect(host.journalText()).toMatch(/differed in 1 blocks of 1 MiB, which were copied again/);
    expect(host.journalText()).toMatch(/web1 stood still for [0-9.]+ s/);
    const downtimes = journal(host).flatMap((event) => (event.event === "ready" ? [event.downtime] : []));
    // by drbd it is paused in its commit too
    expect(downtimes).toHaveLength(by === "drbd" ? 3 : 2);
    expect(downtimes[1], "the pause is a downtime too").toBeGreaterThanOrEqual(downtimes[0] ?? Infinity);
    host.remove();
  });

  it("is void when somebody took the guest that stood still for one that hangs, and started it around the mirror", async () => {
    const host = new StubHost("dash");
    host.install(mirrorProgram(host, "suspend", by));
    const before = readFileSync(host.config, "utf8");
    host.tell("cmp-held");
    const running = host.start("run");
    await until(() => existsSync(join(host.state, "comparing")), host);
    startAround(host);
    writeFileSync(join(host.state, "doms/40/state"), "-b----");
    host.untell("cmp-held");
    await running.ended;
    expect(host.ended(), host.journalText()).toBe("failed");
    expect(host.journalText()).toContain('"guard-compared"');
    expect(readFileSync(host.config, "utf8")).toBe(before);
    expect(host.guests()).toEqual([{ domid: "40", state: "-b----", disk: "/srv/disk.img" }]);
    host.remove();
  });

  it("goes back to the image when the volume does not keep what is written to it", async () => {
    const { host, before } = await compared("dash", (one) => {
      one.tell("differs", "17");
      one.tell("differs-for-ever");
    });
    expect(expectWhole(host, before, "differs")).toBe("old");
    expect(host.journalText()).toContain("does not keep what is written to its block 0");
    expect(host.ended()).toBe("failed");
    host.remove();
  });
});

it("a comparison of DRBD's two disks does not count where something was written meanwhile", { tags: "long" }, async () => {
  const host = new StubHost("dash");
  host.install(mirrorProgram(host, "suspend", "drbd"));
  const before = readFileSync(host.config, "utf8");
  host.tell("written-meanwhile");
  await host.run("run");
  expect(expectWhole(host, before, "written")).toBe("old");
  expect(host.journalText()).toContain("something was written to /dev/drbd/converge-web1-xvda1 while image and volume were compared");
  expect(host.ended()).toBe("failed");
  host.remove();
});

describe.concurrent("a migration", { tags: "long" }, () => {
  async function migrated(shell: Shell, tell: (host: StubHost) => void) {
    const host = new StubHost(shell);
    // the far end that is waited for is dead
    host.install(mirrorProgram(host, "migrate", "dm").replace("tries=150\n", "tries=15\n"));
    const before = readFileSync(host.config, "utf8");
    tell(host);
    await host.run("run");
    return { host, before };
  }

  it("that fails at the far end leaves the guest where it runs", async () => {
    const { host, before } = await migrated("dash", (one) => {
      one.tell("migrate-fails");
    });
    expect(expectWhole(host, before, "failed")).toBe("old");
    expect(host.guests()).toEqual([{ domid: "7", state: "-b----", disk: "/srv/disk.img" }]);
    expect(host.ended()).toBe("failed");
    host.remove();
  });

  // both ends dead: before the second one is there; while the first one still runs; once it is suspended, and the second
  // one may lack memory; with all of it; with the first one renamed; with both renamed
  it.each([
    { stage: 1, domid: "7", disk: "/srv/disk.img", note: "" },
    { stage: 2, domid: "7", disk: "/srv/disk.img", note: "" },
    { stage: 3, domid: "9", disk: "/srv/disk.img", note: "web1 was lost in its migration: it is started anew" },
    { stage: 4, domid: "8", disk: "/dev/mapper/converge-web1-xvda1", note: "web1 had been migrated: its copy runs on" },
    { stage: 5, domid: "8", disk: "/dev/mapper/converge-web1-xvda1", note: "web1 had been migrated: its copy runs on" },
    { stage: 6, domid: "8", disk: "/dev/mapper/converge-web1-xvda1", note: "web1 had been migrated: its copy runs on" },
  ])("of which both ends die after stage $stage ends with one guest, and it runs", async ({ stage, domid, disk, note }) => {
    // the shells by turns
    await inParallel(shellsOf(stage), async (shell) => {
      const { host, before } = await migrated(shell, (one) => {
        one.tell("migrate-dies", String(stage));
      });
      expect(expectWhole(host, before, `stage ${String(stage)}`)).toBe("old");
      expect(host.guests()).toEqual([{ domid, state: "-b----", disk }]);
      expect(host.journalText()).toContain(note);
      expect(host.ended()).toBe("failed");
      host.remove();
    });
  });

  it.each([
    { stage: 3, domid: "9", note: "web1 was lost in its migration: it is started anew" },
    { stage: 4, domid: "8", note: "web1 had been migrated: its copy runs on" },
    { stage: 6, domid: "8", note: "web1 had been migrated: its copy runs on" },
  ])("that hangs after stage $stage, with the guest stopped, is given up, and the guest runs", async ({ stage, domid, note }) => {
    await inParallel(shellsOf(stage), async (shell) => {
      const host = new StubHost(shell);
      host.install(impatient(mirrorProgram(host, "migrate", "dm")).replace("tries=150\n", "tries=15\n"));
      const before = readFileSync(host.config, "utf8");
      host.tell("migrate-hangs", String(stage));
      await host.run("run");
      expect(expectWhole(host, before, `stage ${String(stage)}`)).toBe("old");
      expect(host.guests().map((guest) => guest.domid)).toEqual([domid]);
      expect(host.journalText()).toContain(`xl migrate did not end within ${String(GIVEN_UP)} s, and was given up`);
      expect(host.journalText()).toContain(note);
      expect(host.ended()).toBe("failed");
      host.remove();
    });
  });

  it.each(shellsOf(0))("has all the time that it wants while the guest runs, under %s", async (shell) => {
    const host = new StubHost(shell);
    host.install(impatient(mirrorProgram(host, "migrate", "dm")));
    host.tell("migrate-waits", "2");
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    host.remove();
  });

  it.each([{ stage: 2, domid: "8", disk: "/dev/mapper/converge-web1-xvda1" }, { stage: 3, domid: "9", disk: "/srv/disk.img" }])(
    "whose program is killed, and that hangs then after stage $stage, is waited for while the guest runs, and else given up",
    async ({ stage, domid, disk }) => {
      await inParallel(shellsOf(stage), async (shell) => {
        const host = new StubHost(shell);
        host.install(impatient(mirrorProgram(host, "migrate", "dm")).replace("tries=150\n", "tries=15\n"));
        const before = readFileSync(host.config, "utf8");
        host.tell(stage === 2 ? "migrate-waits" : "migrate-hangs", String(stage));
        const running = host.start("run");
        await until(() => host.lines(join(host.state, "migrate-at"))[0] === String(stage));
        running.kill();
        await host.run("recover");
        expect(expectWhole(host, before, `stage ${String(stage)}`)).toBe("old");
        expect(host.guests()).toEqual([{ domid, state: "-b----", disk }]);
        expect(host.journalText().includes("did not come to its end, and was given up")).toBe(stage !== 2);
        host.remove();
      });
    });

  it("to other disks than the planned ones is not used: the guest is started anew", async () => {
    const { host, before } = await migrated("dash", (one) => {
      one.tell("migrate-dies", "6");
      one.tell("wrong-disk", one.snapshotImage);
    });
    expect(expectWhole(host, before, "wrong disk")).toBe("old");
    expect(host.guests()).toEqual([{ domid: "9", state: "-b----", disk: "/srv/disk.img" }]);
    expect(host.journalText()).toContain("is not used");
    host.remove();
  });
});
