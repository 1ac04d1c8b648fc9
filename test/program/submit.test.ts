import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fact as books } from "../../src/core/facts/books.js";
import { forgottenRuns } from "../../src/core/plan/old-books.js";
import { parseSubmitAnswer, submissionInput, submitCommand, type SubmitAnswer } from "../../src/core/program/submit.js";
import { SHELLS, StubHost, byTurns, type Ran, type Shell } from "./host.js";
import { expectWhole, journal } from "./invariants.js";
import { moveProgram } from "./plan.js";

const soon = async (when: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 6000 && !when(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(when()).toBe(true);
};

async function submit(host: StubHost, stamp: string, digest = "sha256:d1", program?: string): Promise<SubmitAnswer> {
  const command = submitCommand({ domain: host.domain, digest, owner: `o'brien "x"`, stamp, ioWeight: 50 }, join(host.book, "runs", stamp));
  const [, ...args] = command;
  const input = submissionInput(program ?? moveProgram(host), '{"plan":"ü"}');
  const ran = await host.command(["env", ...host.shell.split(" "), ...args], input);
  return parseSubmitAnswer(ran.stdout, ran.code ?? -1, ran.stderr);
}

const uploads = (host: StubHost): readonly string[] =>
  existsSync(host.book) ? readdirSync(host.book).filter((name) => name.startsWith("incoming.")) : [];

async function withHost(shell: Shell, work: (host: StubHost) => Promise<void>): Promise<void> {
  const host = new StubHost(shell);
  try {
    await work(host);
  } finally {
    host.remove();
  }
}

describe.concurrent("a submission", () => {
  for (const shell of SHELLS) it.concurrent(`starts a run that goes on by itself, under ${shell}`, byTurns(0, shell), async () => {
    await withHost(shell, async (host) => {
      const before = readFileSync(host.config, "utf8");
      expect(await submit(host, "1")).toEqual({ answer: "started", directory: host.runDirectory, notes: [] });
      expect(readFileSync(join(host.runDirectory, "plan.json"), "utf8")).toBe('{"plan":"ü"}');
      const followed = await host.run("follow");
      const lines = followed.stdout.split("\n").slice(0, -1);
      expect(lines.at(-1)).toContain('"event":"end","outcome":"done"');
      expect(lines.join("\n")).toBe(host.journalText().trimEnd());
      expect(expectWhole(host, before)).toBe("new");
      expect(journal(host)[0]).toMatchObject({ event: "begin", owner: `o'brien "x"` });
      expect(host.lines(join(host.state, "properties"))).toContain("IOWeight=50");
      // from a line on, after the end
      const rest = await host.run("follow", String(lines.length));
      expect(rest.stdout.trimEnd()).toBe(lines.at(-1));
      const status: unknown = JSON.parse((await host.run("status")).stdout);
      expect(status).toMatchObject({ run: "1", domain: "web1", digest: "sha256:d1", owner: `o'brien "x"`, outcome: "done" });
    });
  });

  it("attaches to the same wish, and is told who holds another", async () => {
    await withHost("dash", async (host) => {
      host.tell("rsync-slow", "30");
      expect(await submit(host, "1")).toMatchObject({ answer: "started" });
      expect(await submit(host, "2")).toEqual({ answer: "attach", directory: host.runDirectory, notes: [] });
      const held = await submit(host, "2", "sha256:other");
      expect(held).toMatchObject({ answer: "held", by: { owner: `o'brien "x"`, digest: "sha256:d1", run: "1" } });
      expect(JSON.parse((await host.run("status")).stdout)).toMatchObject({ outcome: "running" });
      await soon(() => host.journalText().includes('"id":"copy"'));
      await host.run("stop");
      const followed = await host.run("follow", "2");
      expect(followed.stdout).toMatch(/"seq":2,[^]*"outcome":"stopped"/);
    });
  });

  it.each(["sha256:d1", "sha256:other"])("of %s waits for who looks after a run that has ended, and is none of that run's", async (digest) => {
    await withHost("dash", async (host) => {
      expect(await submit(host, "1")).toMatchObject({ answer: "started" });
      await soon(() => existsSync(join(host.book, "runs/1/ended")));
      const holder = spawn("flock", [join(host.book, "lock"), "sh", "-c", `touch "${host.root}/has-it"; while [ -e "${host.root}/has-it" ]; do sleep 0.05; done`], { stdio: "ignore" });
      await soon(() => existsSync(join(host.root, "has-it")));
      const answer = submit(host, "2", digest);
      // for longer than a follower of a run that is under way has it
      const letGo = setTimeout(() => { rmSync(join(host.root, "has-it")); }, 1500);
      expect(await answer).toMatchObject({ answer: "started", directory: expect.stringContaining("/runs/2") as unknown });
      clearTimeout(letGo);
      holder.kill();
      await soon(() => existsSync(join(host.book, "runs/2/ended")));
    });
  });

  it("that a full disk cuts short is refused, and the one before it stays the current one", { tags: "long" }, async () => {
    await withHost("dash", async (host) => {
      // half of what it is asked for
      writeFileSync(join(host.root, "bin/head"), '#!/bin/sh\ncase $1 in -c) exec /usr/bin/head -c "$(($2 / 2))" ;; *) exec /usr/bin/head "$@" ;; esac\n', { mode: 0o755 });
      expect(await submit(host, "1")).toMatchObject({ answer: "refused", why: expect.stringContaining("is the disk full?") as unknown });
      expect(existsSync(join(host.book, "current"))).toBe(false);
      expect(readdirSync(join(host.book, "runs"))).toEqual([]);
      rmSync(join(host.root, "bin/head"));
      expect(await submit(host, "2")).toMatchObject({ answer: "started" });
      await soon(() => existsSync(join(host.book, "runs/2/ended")));
    });
  });

  it("recovers the dead run before it", { tags: "long" }, async () => {
    await withHost("busybox sh", async (host) => {
      host.install(moveProgram(host));
      host.tell("kill-after", "18");
      await host.run("run");
      expect(host.guests()).toEqual([]);
      expect(JSON.parse((await host.run("status")).stdout)).toMatchObject({ outcome: "dead" });
      const lost = await host.run("follow");
      expect(lost.stdout.trimEnd().split("\n").at(-1)).toBe('{"event":"lost"}');
      // the plan was made for a guest that has been restarted since
      const answer = await submit(host, "2");
      expect(answer).toMatchObject({ answer: "started", notes: [expect.stringContaining("1 was interrupted")] });
      expect(host.ended()).toBe("failed");
      await soon(() => existsSync(join(host.book, "runs/2/ended")));
      expect(host.guests()).toMatchObject([{ state: "-b----", disk: "/srv/disk.img" }]);
      expect(readFileSync(join(host.book, "runs/2/journal.jsonl"), "utf8")).toContain("the domain id of web1 has changed");
    });
  });

  it("forgets the oldest runs, but for one that left something behind, and one whose boot unit another run has replaced", { tags: "long" }, async () => {
    await withHost("dash", async (host) => {
      for (let run = 10; run < 40; run += 1) mkdirSync(join(host.book, "runs", `20260101T0000${String(run)}Z`), { recursive: true });
      writeFileSync(join(host.book, "runs", "20260101T000012Z", "unfinished"), "a loop\n");
      writeFileSync(join(host.book, "runs", "20260101T000039Z", "before"), `${host.book}/runs/20260101T000011Z/program.sh\n`);
      await submit(host, "20260102T000000Z");
      const left = readdirSync(join(host.book, "runs")).sort();
      expect(left).toHaveLength(22);
      expect(left.slice(0, 3)).toEqual(["20260101T000011Z", "20260101T000012Z", "20260101T000021Z"]);
      expect(left.at(-1)).toBe("20260102T000000Z");
      await soon(() => existsSync(join(host.book, "runs/20260102T000000Z/ended")));
    });
  });

  for (const shell of SHELLS) it.concurrent(`keeps the run that says since when a volume is the guest's, whatever became of those after it, under ${shell}`, byTurns(1, shell), async () => {
    await withHost(shell, async (host) => {
      const runs = join(host.book, "runs");
      const old = (stamp: string, moved: readonly string[] | undefined, committed?: string): void => {
        mkdirSync(join(runs, stamp), { recursive: true });
        writeFileSync(join(runs, stamp, "ended"), committed === undefined ? "failed\n" : "done\n");
        const disks = (all: readonly string[]): object => ({ disks: all.map((volume) => ({ volume })) });
        // its plan, too, may name all of the guest's disks, whichever it moved
        writeFileSync(join(runs, stamp, "plan.json"), JSON.stringify({ version: 1, moved, plan: disks(["vg0/root", "vg0/swap"]), wish: { wish: "move", desired: disks(["vg0/root", "vg0/swap"]) } }));
        if (committed !== undefined) writeFileSync(join(runs, stamp, "committed"), `${committed}\n`);
      };
      // earlier versions did not write which they moved: the newest of them may have been about any
      old("20240101T000000Z", undefined, "1704067200");
      old("20240101T000001Z", undefined, "1704067201");
      old("20250101T000001Z", ["vg0/root", "vg0/swap"], "1735689601.50");
      old("20250101T000002Z", ["vg0/root"], "1735689602");
      // once more, and only of one disk
      old("20250101T000003Z", ["vg0/root"], "1735689603.25");
      old("20250101T000004Z", ["vg0/other"]);
      // what only settled what another one had moved has moved nothing
      old("20240101T000002Z", [], "1704067202");
      for (let number = 10; number < 40; number += 1) old(`20260101T0000${String(number)}Z`, ["vg0/root", "vg0/swap"]);
      expect((await submit(host, "20260102T000000Z")).answer).toBe("started");
      await host.run("follow");
      const left = readdirSync(runs).sort();
      expect(left.filter((stamp) => stamp < "2026")).toEqual(["20240101T000001Z", "20250101T000001Z", "20250101T000003Z"]);
      expect(left).toHaveLength(23);
    });
  });

  it("removes the books of just those runs that its preview names", async () => {
    await withHost("dash", async (host) => {
      const runs = join(host.book, "runs");
      const old = (stamp: string, more: Readonly<Record<string, string>> = {}): void => {
        mkdirSync(join(runs, stamp), { recursive: true });
        for (const [name, text] of Object.entries({ ended: "done\n", since: "1767225600\n", ...more })) writeFileSync(join(runs, stamp, name), text);
      };
      const moved = (volumes: readonly string[]): string => JSON.stringify({ version: 1, moved: volumes, plan: {} });
      for (let run = 10; run < 40; run += 1) old(`20260101T0000${String(run)}Z`);
      old("20250101T000001Z");
      old("20250101T000002Z", { unfinished: "a loop\n" });
      old("20250101T000003Z");
      old("20250101T000004Z", { committed: "1735689604\n", "plan.json": moved(["vg0/root", "vg0/swap"]) });
      old("20250101T000005Z", { committed: "1735689605.5\n", "plan.json": moved(["vg0/root"]) });
      old("20250101T000006Z", { committed: "1735689606\n", "plan.json": moved(["vg0/root"]) });
      old("20250101T000007Z", { committed: "1735689601\n" });
      old("20250101T000008Z", { committed: "1735689600\n" });
      writeFileSync(join(runs, "20260101T000039Z", "before"), `${runs}/20250101T000003Z/program.sh\n`);
      symlinkSync("runs/20260101T000039Z", join(host.book, "current"));
      const [file, ...args] = books.command;
      const said = execFileSync(file, [...args.slice(0, -1), join(host.root, "var/lib/converge")], { encoding: "utf8" });
      const { value } = books.parse({ exitCode: 0, stdout: said, stderr: "" });
      if (value === undefined) throw new Error("the books can not be read");
      const shown = forgottenRuns(host.domain, value);
      const were = readdirSync(runs);
      expect(await submit(host, "20260102T000000Z")).toMatchObject({ answer: "started" });
      const left = readdirSync(runs);
      expect([...shown].sort()).toEqual(were.filter((stamp) => !left.includes(stamp)).sort());
      expect(shown).toHaveLength(14);
      expect(shown).toContain("20250101T000001Z");
      await soon(() => existsSync(join(host.book, "runs/20260102T000000Z/ended")));
    });
  });

  it("keeps the run that it starts, also where the controller's clock is behind that of all runs before", { tags: "long" }, async () => {
    await withHost("dash", async (host) => {
      for (let run = 10; run < 40; run += 1) mkdirSync(join(host.book, "runs", `20260101T0000${String(run)}Z`), { recursive: true });
      expect(await submit(host, "20200102T000000Z")).toMatchObject({ answer: "started" });
      expect(readdirSync(join(host.book, "runs"))).toContain("20200102T000000Z");
      await soon(() => existsSync(join(host.book, "runs/20200102T000000Z/ended")));
      expect(readFileSync(join(host.book, "current/ended"), "utf8")).toBe("done\n");
    });
  });

  it("is refused clearly", async () => {
    await withHost("dash", async (host) => {
      host.tell("no-units");
      expect(await submit(host, "1")).toMatchObject({ answer: "refused", why: expect.stringContaining("systemd-run: Failed") as string });
      rmSync(join(host.root, "run/systemd"), { recursive: true });
      expect(await submit(host, "2")).toMatchObject({ answer: "refused", why: "this host is not run by systemd" });
      mkdirSync(join(host.root, "run/systemd/system"), { recursive: true });
      const cut = submissionInput("echo", "{}").slice(0, -1);
      const [, ...args] = submitCommand({ domain: "web1", digest: "d", owner: "o", stamp: "3" });
      const ran: Ran = await host.command(["env", "dash", ...args], cut);
      expect(parseSubmitAnswer(ran.stdout, ran.code ?? -1)).toMatchObject({ answer: "refused", why: "the submission was cut short" });
    });
  });

  it("whose controller vanishes in mid-upload keeps nobody else from the guest, and leaves nothing", async () => {
    await withHost("dash", async (host) => {
      const [, ...args] = submitCommand({ domain: host.domain, digest: "d", owner: "o", stamp: "1" });
      const gone = host.command(["sh", "-c", 'exec "$REAL_SLEEP" 4 | "$@"', "sh", "env", "dash", ...args]);
      await soon(() => uploads(host).length === 1);
      expect(await submit(host, "2")).toMatchObject({ answer: "started" });
      const ran = await gone;
      expect(parseSubmitAnswer(ran.stdout, ran.code ?? -1)).toMatchObject({ answer: "refused" });
      expect(uploads(host)).toEqual([]);
      expect(readdirSync(join(host.book, "runs"))).toEqual(["2"]);
      await soon(() => existsSync(join(host.book, "runs/2/ended")));
    });
  });

  it("clears away what one has left that was killed long ago", { tags: "long" }, async () => {
    await withHost("busybox sh", async (host) => {
      mkdirSync(host.book, { recursive: true });
      for (const name of ["incoming.0.1", "incoming.0.2"]) writeFileSync(join(host.book, name), "half");
      utimesSync(join(host.book, "incoming.0.1"), 1e9, 1e9);
      expect(await submit(host, "1")).toMatchObject({ answer: "started" });
      expect(uploads(host)).toEqual(["incoming.0.2"]);
      await soon(() => existsSync(join(host.book, "runs/1/ended")));
    });
  });

  it("does not wait for ever for another one", { tags: "long" }, async () => {
    await withHost("bash", async (host) => {
      mkdirSync(host.book, { recursive: true });
      void host.command(["flock", join(host.book, "submission"), "/bin/sleep", "600"]);
      await soon(() => existsSync(join(host.book, "submission")));
      const [, ...args] = submitCommand({ domain: host.domain, digest: "d", owner: "o", stamp: "1" });
      const hurried = args.map((word) => word.replace("LOCK_SECONDS=900", "LOCK_SECONDS=1"));
      const ran = await host.command(["env", "bash", ...hurried], submissionInput("echo", "{}"));
      expect(parseSubmitAnswer(ran.stdout, ran.code ?? -1)).toMatchObject({ answer: "refused", why: expect.stringContaining("another submission") as string });
      expect(uploads(host)).toEqual([]);
    });
  });

  it("does not follow a link in the place of a directory", async () => {
    await withHost("dash", async (host) => {
      mkdirSync(join(host.root, "elsewhere"));
      symlinkSync(join(host.root, "elsewhere"), join(host.root, "var/lib/converge"));
      expect(await submit(host, "1")).toMatchObject({
        answer: "refused", why: expect.stringContaining("is a symbolic link") as string,
      });
    });
  });

  it("is ended when its program dies without an end", { tags: "long" }, async () => {
    await withHost("bash", async (host) => {
      const before = readFileSync(host.config, "utf8");
      host.tell("rsync-slow", "3");
      await submit(host, "1");
      await soon(() => host.journalText().includes('"id":"copy"'));
      const followed = host.run("follow");
      // systemd's part, by the stub: ExecStopPost recovers
      process.kill(-Number(readFileSync(join(host.state, "unit"), "utf8")), "SIGKILL");
      expect((await followed).stdout).toContain('"event":"end","outcome":"failed"');
      expect(expectWhole(host, before)).toBe("old");
    });
  });
});

for (const shell of SHELLS) it.concurrent(`a journal of which a power cut has taken the end is followed to its new one, also by who had read more of it (${shell})`, byTurns(1, shell), async () => {
  await withHost(shell, async (host) => {
    host.install(moveProgram(host));
    const line = (seq: number, more: object): string => `${JSON.stringify({ at: 1_700_000_000, seq, ...more })}\n`;
    const begun = [1, 2, 3].map((seq) => line(seq, { event: "note", message: "so far" })).join("");
    const end = line(4, { event: "end", outcome: "failed", message: "the run was interrupted" });
    const file = join(host.runDirectory, "journal.jsonl");
    writeFileSync(file, begun);
    // the recovery is at work while somebody follows again
    const [atWork, done] = [join(host.root, "recovering"), join(host.root, "recovered")];
    const recovering = host.command(["flock", join(host.book, "lock"), "/bin/sh", "-c", ': >"$1"; until [ -e "$2" ]; do /bin/sleep 0.05; done', "sh", atWork, done]);
    await soon(() => existsSync(atWork));
    const following = host.run("follow", "9");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    writeFileSync(file, end, { flag: "a" });
    writeFileSync(done, "");
    await recovering;
    expect((await following).stdout).toBe(begun + end);
    for (const first of ["5", "9"]) expect((await host.run("follow", first)).stdout).toBe(begun + end);
  });
});

for (const shell of SHELLS) it.concurrent(`a run that never had the lock cleans nothing up: it is somebody else's (${shell})`, byTurns(2, shell), async () => {
  await withHost(shell, async (host) => {
    host.install(moveProgram(host));
    const theirs = [join(host.root, "etc/xen/.converge-web1.former"), ...["before.cfg", "next.cfg"].map((name) => join(host.root, "run/converge/web1", name))];
    mkdirSync(join(host.root, "run/converge/web1"), { recursive: true });
    for (const file of theirs) writeFileSync(file, "theirs");
    void host.command(["flock", join(host.book, "lock"), "/bin/sleep", "600"]);
    await soon(() => existsSync(join(host.book, "lock")));
    expect((await host.run("run")).code).toBe(3);
    expect(theirs.filter((file) => !existsSync(file))).toEqual([]);
    expect(journal(host)).toMatchObject([{ event: "end", outcome: "refused" }]);
    expect(host.ended()).toBe("refused");
  });
});

describe("answers that are none", () => {
  it.each([
    ["", 127, "sh: not found", "sh: not found"],
    ["started relative", 0, "", "started relative"],
    ["held {", 75, "", "held {"],
    ["started /x", 1, "boom", "boom"],
  ])("%j with %i", (stdout, code, stderr, seen) => {
    expect(parseSubmitAnswer(stdout, code, stderr)).toEqual({
      answer: "refused", why: `the host did not take the program (exit ${String(code)}): ${seen}`, notes: [],
    });
  });
});
