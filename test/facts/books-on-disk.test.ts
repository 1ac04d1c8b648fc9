import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fact } from "../../src/core/facts/books.js";
import { safeName } from "../../src/core/model/names.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { planBeside } from "../../src/core/plan/saved-wish.js";
import type { SavedWish } from "../../src/core/plan/saved-wish.js";
import { compileProgram } from "../../src/core/program/compile.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { aHost, aWish, sha256, withFullImages } from "../support/a-host.js";
import { lacks } from "../support/tools.js";

/** The fact's own command, on books that lie on this machine's disk. */

const root = mkdtempSync(join(tmpdir(), "converge-books-"));
afterAll(() => { rmSync(root, { recursive: true }); });

function write(path: string, text: string): void {
  const full = join(root, "domains", path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
}

test("says which runs are over, which images were retired and which files these were, and what time it is there", () => {
  const entry = { domain: "web1", vdev: "xvda1", volume: "vg0/web1", path: "/srv/a.img", retired: "/srv/a.img.retired", inode: 7, bytes: 4096, mtime: 1_700_000_000, at: 1_700_000_100 };
  write("web1/retired.jsonl", `${JSON.stringify(entry)}\n${JSON.stringify({ ...entry, vdev: "xvda2", keepFor: 7_776_000 })}\n`);
  // a later run has replaced the boot unit that called it
  write("web1/runs/cut-short/before", `${root}/domains/web1/runs/replaced/program.sh\n`);
  for (const [run, files] of [["over", ["ended"]], ["replaced", ["ended"]], ["cut-short", []], ["left-something", ["ended", "unfinished"]]] as const) {
    write(`web1/runs/${run}/since`, "1700000000\n");
    for (const file of files) write(`web1/runs/${run}/${file}`, "done\n");
  }
  const [file, ...args] = fact.command;
  const stdout = execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8" });
  const { value, diagnostics } = fact.parse({ exitCode: 0, stdout, stderr: "" });
  expect(diagnostics).toEqual([]);
  const read = {
    domain: "web1", vdev: "xvda1", volume: "vg0/web1", path: "/srv/a.img", retired: "/srv/a.img.retired", at: 1_700_000_100,
    file: { inode: 7, bytes: 4096, mtime: 1_700_000_000 },
  };
  expect(value?.retired).toEqual([read, { ...read, vdev: "xvda2", keepForSeconds: 7_776_000 }]);
  expect(Object.fromEntries((value?.past ?? []).map(({ run, open }) => [run, open ?? false]))).toEqual({ over: false, replaced: true, "cut-short": true, "left-something": true });
  expect(Math.abs((value?.now ?? 0) - Date.now() / 1000)).toBeLessThan(3600);
});

test("a torn last line of one guest's books loses no entry of another's, nor one that was written after it", () => {
  const entry = (of: string): string => JSON.stringify({
    domain: of, vdev: "xvda1", volume: "vg0/torn", path: `/srv/${of}.img`, retired: `/srv/${of}.img.retired`, inode: 7, bytes: 4096, mtime: 1, at: 2,
  });
  const past = (of: string): string => JSON.stringify({ domain: of, downtimeSeconds: 3, at: 4 });
  write("torn1/retired.jsonl", `${entry("before")}\n${entry("torn1").slice(0, 40)}`);
  write("torn1/history.jsonl", past("torn1").slice(0, 20));
  write("torn2/retired.jsonl", `${entry("torn2")}\n${entry("lost").slice(0, 40)}${entry("after")}\n`);
  write("torn2/history.jsonl", `${past("torn2")}\n`);
  const [file, ...args] = fact.command;
  const stdout = execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8" });
  const { value } = fact.parse({ exitCode: 0, stdout, stderr: "" });
  const torn = (value?.retired ?? []).filter(({ volume }) => volume === "vg0/torn").map(({ domain }) => domain);
  expect(torn).toEqual(["before", "torn2", "after"]);
  expect((value?.history ?? []).map(({ domain }) => domain)).toContain("torn2");
});

test("what a past run took is read with what newer versions write of it, and without", () => {
  const old = { domain: "old1", strategy: "dm", switch: "suspend", shutdownSeconds: 2, startSeconds: 1, downtimeSeconds: 3, bytesPerSecond: 4, at: 9 };
  const full = JSON.stringify({ ...old, domain: "new1", memoryMiB: 512, exchangeSeconds: 0.02, at: 8 });
  write("old1/history.jsonl", `${JSON.stringify(old)}\n`);
  write("new1/history.jsonl", `${full}\n${JSON.stringify({ ...old, domain: "new1", memoryMiB: "much", at: 7 })}\n`);
  const [file, ...args] = fact.command;
  const { value } = fact.parse({ exitCode: 0, stdout: execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8" }), stderr: "" });
  const { at: _, ...read } = old;
  expect((value?.history ?? []).filter(({ domain }) => domain === "old1")).toEqual([read]);
  expect((value?.history ?? []).filter(({ domain }) => domain === "new1"))
    .toEqual([{ ...read, domain: "new1", memoryMiB: 512, exchangeSeconds: 0.02 }, { ...read, domain: "new1" }]);
});

test.each(["dash", "bash", "busybox sh"].filter((shell) => shell !== "busybox sh" || !lacks("busybox")))("a guest's name is what it is, blanks and line ends and all, under %s", (shell) => {
  const names = ["  a  ", "a", "a\nrun b runs/1\nfile domain b", "a\n", "\\n", "-n", "\r", "\ta"];
  for (const name of names) {
    const current = `${safeName(name)}/current`;
    write(`${current}/domain`, name);
    write(`${current}/owner`, " jk@desk \n");
  }
  write("only-safe/current/owner", "jk@desk\n");
  const past = { domain: "  a  ", downtimeSeconds: 3, at: 4 };
  write("_20_20a_20_20/history.jsonl", `${JSON.stringify(past)}\n`);
  const [, ...args] = fact.command;
  const [file = "", ...more] = shell.split(" ");
  const stdout = execFileSync(file, [...more, ...args.slice(0, -1), root], { encoding: "utf8" });
  const { value } = fact.parse({ exitCode: 0, stdout, stderr: "" });
  const told = (value?.runs ?? []).map(({ domain }) => domain);
  expect(told).toHaveLength(names.length + 1);
  expect(new Set(told)).toEqual(new Set([...names, "only-safe"]));
  expect(value?.history.map(({ domain }) => domain)).toContain("  a  ");
  for (const { domain, owner } of value?.runs ?? []) expect(owner, domain).toBe("jk@desk");
  rmSync(join(root, "domains"), { recursive: true });
});

test("says that a commit was begun, and of which kind, as the runtime goes by it", () => {
  const began = { up: "1700000000.25\n", offline: "offline 1700000000\n", torn: "17", zeros: "\0\0", empty: "", left: "1700000000.25\n", none: undefined };
  for (const [name, text] of Object.entries(began)) {
    write(`${name}/current/owner`, "jk@desk\n");
    if (text !== undefined) write(`${name}/current/committing`, text);
  }
  write("left/current/gone", "");
  const [file, ...args] = fact.command;
  const stdout = execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const { value } = fact.parse({ exitCode: 0, stdout, stderr: "" });
  const told = Object.fromEntries((value?.runs ?? []).map(({ domain, committing }) => [domain, committing]));
  expect(told).toEqual({ up: "running", offline: "offline", torn: "running", zeros: "running", empty: undefined, left: "offline", none: undefined });
});

test("the file system that the books lie in has the number that the kernel's list of locks has", () => {
  write("web2/lock", "");
  const [file, ...args] = fact.command;
  const lines = execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8" }).split("\n");
  const points = lines.filter((line) => line.startsWith("mount ")).map((line) => line.split(" "));
  expect(points.some(([, , point]) => point === "/")).toBe(true);
  expect(points.every(([, devno = "", point = ""]) => /^\d+:\d+$/.test(devno) && `${root}/`.startsWith(`${point.replace(/\/$/, "")}/`))).toBe(true);
});

test.each([
  { what: "on btrfs, where stat has the subvolume's number", held: "00:1f:257", state: "running" },
  { what: "where both have the same number", held: "00:2d:257", state: "running" },
  { what: "not by a file of the same inode on another file system", held: "fe:00:257", state: "stopped" },
  { what: "not by another file", held: "00:1f:258", state: "stopped" },
])("a run is alive by its lock: $what", ({ held, state }) => {
  const stdout = [
    "now 1700000000", "run web1 ../runs/r1", "file domain web1", "file since 1700000000", "lock 45 257 web1/lock",
    "mount 0:31 /", "mount 0:33 /var", `held ${held}`, "mount 0:31 /var/lib", "",
  ].join("\n");
  expect(fact.parse({ exitCode: 0, stdout, stderr: "" }).value?.runs).toMatchObject([{ domain: "web1", state }]);
});

test("which files a run's plan was bound to is read from the plan itself, and whether it brought the guest back", () => {
  const state = aHost([{ name: "moved1", disks: { xvda1: {} } }]);
  const [plan] = planHost(state, [aWish("moved1", ["xvda1"])], sha256).domains;
  if (plan === undefined) throw new Error("nothing planned");
  const back: SavedWish = { wish: "return", back: { domain: "moved1", disks: [], removeVolume: false, move: {}, at: aWish("moved1", []).at } };
  for (const [run, wish, at] of [["one", undefined, 5], ["two", back, 6]] as const) {
    write(`moved1/runs/${run}/committed`, `${String(at)}\n`);
    write(`moved1/runs/${run}/plan.json`, planBeside(plan, wish));
  }
  const [file, ...args] = fact.command;
  const stdout = execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8" });
  const { value } = fact.parse({ exitCode: 0, stdout, stderr: "" });
  const image = state.images["/srv/xen/moved1/xvda1.img"];
  const images = [{ path: image?.path, inode: image?.inode }];
  expect(value?.commits.filter(({ domain }) => domain === "moved1")).toEqual([
    { domain: "moved1", run: "two", at: 6, volumes: expect.arrayContaining(["vg0/moved1-xvda1"]) as string[], returns: true, images },
    { domain: "moved1", run: "one", at: 5, volumes: expect.arrayContaining(["vg0/moved1-xvda1"]) as string[], images },
  ]);
});

test("a run that moved one disk of a guest is not taken for the one that moved its others, which its wish names too", () => {
  const state = aHost([{ name: "two1", disks: { xvda1: {}, xvda2: {} } }]);
  const planned = (vdevs: readonly string[]) => {
    const wish = aWish("two1", vdevs);
    const [plan] = planHost(state, [wish], sha256).domains;
    if (plan === undefined) throw new Error("nothing planned");
    return { plan, wish };
  };
  const wish = planned(["xvda1", "xvda2"]).wish;
  for (const [run, { plan }, at] of [["one", planned(["xvda1"]), 5], ["two", planned(["xvda2"]), 6]] as const) {
    write(`two1/runs/${run}/committed`, `${String(at)}\n`);
    write(`two1/runs/${run}/plan.json`, planBeside(plan, { wish: "move", desired: wish }));
  }
  const [file, ...args] = fact.command;
  const { value } = fact.parse({ exitCode: 0, stdout: execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8" }), stderr: "" });
  const brought = (volume: string) => value?.commits.filter(({ domain, volumes }) => domain === "two1" && volumes.includes(volume)).map(({ run }) => run);
  expect(brought("vg0/two1-xvda1")).toEqual(["one"]);
  expect(brought("vg0/two1-xvda2")).toEqual(["two"]);
});

test("a run whose books do not say what it was about may have been about any disk: another version wrote them, or they are lost", () => {
  const [plan] = planHost(aHost([{ name: "old2", disks: { xvda1: {} } }]), [aWish("old2", ["xvda1"])], sha256).domains;
  if (plan === undefined) throw new Error("nothing planned");
  const now = planBeside(plan, undefined);
  const texts = { now, none: planBeside({ ...plan, changes: [] }, undefined), old: now.replace(/"moved":\[[^\]]*\],/, ""), torn: "", lost: undefined };
  for (const [run, text] of Object.entries(texts)) {
    write(`old2/runs/${run}/committed`, "5\n");
    if (text !== undefined) write(`old2/runs/${run}/plan.json`, text);
  }
  const [file, ...args] = fact.command;
  const { value } = fact.parse({ exitCode: 0, stdout: execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8" }), stderr: "" });
  const told = Object.fromEntries((value?.commits ?? []).filter(({ domain }) => domain === "old2").map(({ run, unsaid }) => [run, unsaid ?? false]));
  expect(told).toEqual({ now: false, none: false, old: true, torn: true, lost: true });
});

test("which disks QEMU has left behind is read from what was noted then, of a run that is the last one or not", () => {
  const notes = (stayed: readonly string[]): string =>
    `{"draft": "/etc/xen/.x", "disks": [{"vdev": "xvda1", "job": "converge-xvda1", "edits": [[1, 2, "\\"stayed\\": [\\"converge-xvda1\\"]"]]}], "stayed": [${stayed.map((one) => `"${one}"`).join(", ")}]}`;
  for (const [run, text] of Object.entries({ some: notes(["converge-xvda2", "converge-xvda3"]), none: notes([]), torn: notes(["converge-xvda2"]).slice(0, -4), lost: undefined })) {
    write(`left3/runs/${run}/committed`, "5\n");
    if (text !== undefined) write(`left3/runs/${run}/pivot`, text);
  }
  const [file, ...args] = fact.command;
  const { value } = fact.parse({ exitCode: 0, stdout: execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8" }), stderr: "" });
  const told = Object.fromEntries((value?.commits ?? []).filter(({ domain }) => domain === "left3").map(({ run, stayed }) => [run, stayed ?? "unknown"]));
  expect(told).toEqual({ some: ["converge-xvda2", "converge-xvda3"], none: [], torn: "unknown", lost: "unknown" });
});

test("a run that has told QEMU to take its guest's disks over is known by that", () => {
  write("pivoted/current/pivot", '{"stayed": ["xvda"]}');
  write("never-pivoted/current/pivot", "");
  const [file, ...args] = fact.command;
  const { value } = fact.parse({ exitCode: 0, stdout: execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8" }), stderr: "" });
  const told = (of: string): unknown => value?.runs.find(({ domain }) => domain === of)?.pivoted;
  expect([told("pivoted"), told("never-pivoted")]).toEqual([true, undefined]);
});

test("a run that the power took before it had begun anything but its boot unit is told from one that has left something", () => {
  const [plan] = planHost(withFullImages(aHost([{ name: "web1", disks: { xvda1: {} } }])), [aWish("web1", ["xvda1"], { strategy: "rsync" })], sha256).domains;
  if (plan === undefined) throw new Error("nothing is planned");
  const runs: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "before-it-began": {}, "at-its-volume": { started: "1\n", "journal.jsonl": '{"at":1,"seq":2,"event":"step","id":"xvda1.zero","kind":"zero-volume","phase":"prepare","title":"Zero"}\n' }, "at-its-boot-unit": { started: "1\n" }, "at-its-boot-unit-twice": { started: "1\n1\n" },
    copying: { started: "1\n2\n" }, "torn-line": { started: "1\n\n" }, committing: { committing: "1700000000\n" }, went: { skipped: "2\n" }, over: { ended: "stuck\n" },
  };
  for (const [name, files] of Object.entries(runs)) {
    for (const [file, text] of Object.entries({ ...files, "program.sh": compileProgram(plan, stepKinds, { config: "/etc/xen/web1.cfg" }) })) write(`${name}/current/${file}`, text);
  }
  const [file, ...args] = fact.command;
  const { value } = fact.parse({ exitCode: 0, stdout: execFileSync(file, [...args.slice(0, -1), root], { encoding: "utf8" }), stderr: "" });
  expect((value?.runs ?? []).filter(({ domain, untouched }) => domain in runs && untouched === true).map(({ domain }) => domain).sort())
    .toEqual(["at-its-boot-unit", "at-its-boot-unit-twice", "at-its-volume", "before-it-began"]);
});
