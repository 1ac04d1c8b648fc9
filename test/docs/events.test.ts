import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Change, DiscardImage, FinishMove, FinishReturn, ForgetRuns, MoveDisk, ReturnDisk } from "../../src/core/model/change.js";
import type { PastBooks, RunRecord } from "../../src/core/model/host-state.js";
import type { DomainPlan, Forecast, OtherChoice, Repeat, StrategyChoice } from "../../src/core/model/plan.js";
import type { HowBack, Outcome, RunEvent } from "../../src/core/model/run-event.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import type { DiagnosticJson } from "../../src/core/render/diagnostics.js";
import type { JsonLine } from "../../src/core/render/json-lines.js";
import { planLine, recapLine } from "../../src/core/render/json-lines.js";
import type { GuestEnd } from "../../src/core/render/recap.js";
import type { RunReport } from "../../src/core/render/run-report.js";
import { emptyReport } from "../../src/core/render/run-report.js";
import type { GuestStatus } from "../../src/core/render/status.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import { aHost, aVolume, aWish, MIB, sha256 } from "../support/a-host.js";

/**
 * The page about `--json` names each type, event and member. What is told by a type of its own stands here once more, and
 * does not compile while a member is missing; what is made on the way is printed, with all that may be in it, and read.
 */

const page = readFileSync("docs/reference/events.md", "utf8");

type Members<T> = { readonly [member in keyof Required<T>]: true };
type Words<T extends string> = { readonly [word in T]: true };

const LINES: { readonly [type in JsonLine["type"]]: Members<Omit<Extract<JsonLine, { type: type }>, "type">> } = {
  begin: { version: true, tool: true, command: true, inputs: true },
  diagnostic: { severity: true, code: true, summary: true },
  unreachable: { host: true, message: true },
  plan: { host: true, refused: true, domains: true },
  run: { host: true, domain: true, event: true },
  message: { host: true, domain: true, text: true },
  recap: { host: true, domain: true, end: true },
  end: { exit: true },
};

const COMMANDS: Words<Extract<JsonLine, { type: "begin" }>["command"]> = {
  check: true, apply: true, attach: true, rollback: true, resume: true, gc: true,
};

const DIAGNOSTIC: Members<Omit<DiagnosticJson, "subject"> & NonNullable<DiagnosticJson["subject"]>> = {
  severity: true, code: true, summary: true, detail: true, fix: true,
  file: true, line: true, column: true, endLine: true, endColumn: true, host: true, domain: true, vdev: true,
};

const EVENTS: { readonly [event in RunEvent["event"]]: Members<Omit<Extract<RunEvent, { event: event }>, "event" | "at" | "seq">> } = {
  begin: { run: true, domain: true, digest: true, owner: true },
  step: { id: true, kind: true, phase: true, title: true },
  skip: { id: true, why: true },
  done: { id: true, seconds: true },
  failed: { id: true, exit: true, message: true, tail: true },
  progress: { id: true, bytes: true, percent: true, rate: true, left: true },
  watch: { id: true, what: true, value: true, acted: true },
  pass: { id: true, number: true, seconds: true, bytes: true, forecast: true, verdict: true },
  frozen: { volume: true, seconds: true },
  delta: { id: true, bytes: true, of: true },
  rehearsed: { domain: true, seconds: true, by: true },
  waiting: { id: true, domain: true, window: true, opens: true, clock: true },
  down: { domain: true }, commit: { domain: true }, ready: { domain: true, downtime: true }, back: { domain: true, how: true, downtime: true },
  undo: { id: true, what: true }, stopping: { why: true }, note: { message: true }, end: { outcome: true, message: true },
};

const OUTCOMES: Words<Outcome> = { done: true, failed: true, refused: true, stopped: true, stuck: true };

const HOWS: Words<HowBack> = { started: true, restored: true, resumed: true, stayed: true, found: true };

const ENDS: Words<GuestEnd> = {
  done: true, waiting: true, differs: true, failed: true, stuck: true, refused: true, held: true, stale: true, stopped: true,
  detached: true, lost: true, "not-started": true,
};

const RUNS: Members<RunRecord> = {
  run: true, domain: true, digest: true, state: true, owner: true, since: true, step: true, committedAt: true, committing: true, untouched: true, pivoted: true,
  unfinished: true, outcome: true,
};

const GUESTS: Members<GuestStatus> = {
  domain: true, state: true, since: true, run: true, owner: true, step: true, committed: true, committing: true, unfinished: true, next: true,
};

/** What stands below a heading, down to the next one that is not below it. */
function section(heading: string): string {
  const [, text = ""] = page.split(`\n${heading}\n`);
  return text.split(heading.startsWith("###") ? /\n##/ : /\n## /)[0] ?? "";
}

/** Rows of a table by their first cell, without its head. */
function rows(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^\| `([^`]+)` \|(.*)$(?!\n\| -)/gm)].map(([, name = "", rest = ""]) => [name, rest]));
}

function expectNamed(text: string, words: Iterable<string>): void {
  for (const word of words) expect(text, word).toContain(`\`${word}\``);
}

/** Names of all members, at whatever depth. */
function membersOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(membersOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) => [name, ...membersOf(child)]);
}

const state = aHost([{ name: "web1", disks: { xvda1: { bytes: 512 * MIB } } }]);
const [planned] = planHost(state, [aWish("web1", ["xvda1"], { strategy: "rsync" })], sha256).domains;
if (planned === undefined) throw new Error("nothing to do");
const [moved] = planned.changes;
if (moved?.change !== "move-disk") throw new Error("nothing moves");

const volume = aVolume("vg0/web1-xvda1", 512 * MIB);
const books: Required<PastBooks> = { domain: "web1", run: "one", since: 1, bytes: 1, open: true };
const retired = { domain: "web1", vdev: "xvda1", volume: volume.name, path: "/srv/xen/a", retired: "/srv/xen/b", at: 1 };
const common = { domain: "web1", vdev: "xvda1" };
const CHANGES: {
  readonly "move-disk": MoveDisk; readonly "finish-move": Required<FinishMove>; readonly "return-disk": Required<ReturnDisk>;
  readonly "finish-return": Required<FinishReturn>; readonly "discard-image": Required<DiscardImage>; readonly "forget-runs": Required<ForgetRuns>;
} & { readonly [kind in Change["change"]]: Change } = {
  "move-disk": moved,
  "finish-move": { ...common, change: "finish-move", volume: volume.name, leaves: "name", image: "/srv/xen/a", wish: moved.wish },
  "return-disk": {
    ...common, change: "return-disk", volume, image: moved.image, path: "/srv/xen/a", format: "raw", retired: { at: "/srv/xen/b", path: "/srv/xen/a" },
    carry: "files", halfCarried: false, removeVolume: true, since: 1, writtenBytes: 1,
  },
  "finish-return": { ...common, change: "finish-return", volume, image: "/srv/xen/a", carried: true, removeVolume: true, since: 1, older: true },
  "discard-image": { ...common, change: "discard-image", volume: volume.name, image: moved.image, retired },
  "forget-runs": { domain: "web1", change: "forget-runs", runs: [books] },
};

const forecast: Required<Forecast> = { copyBytes: 1, seconds: 1, downtimeSeconds: 1 };
const other: Required<OtherChoice> = { strategy: "dm", switch: "restart", reasons: [], forecast };
const choice: Required<StrategyChoice> = { vdev: "xvda1", strategy: "dm", switch: "restart", because: [], forecast, against: [other] };
const rule: Required<Repeat["rule"]> = { downtimeSeconds: 1, overheadSeconds: 1, firstSeconds: 1 };
const step: Required<NonNullable<RunRecord["step"]>> = { title: "t", at: 1, waits: true };
/** All that a plan may hold at some time. */
const full: Required<DomainPlan> = {
  domain: "web1", digest: "d", bindings: [], ioWeight: 50, forgets: ["one"], awaits: "reboot", changes: Object.values(CHANGES),
  nodes: planned.nodes.map((node) => (node.node === "repeat" ? { ...node, rule } : node)),
  choices: [choice], switchOver: { switch: "restart", because: "b", against: [{ switch: "suspend", reasons: [] }] },
  joins: { run: "one", owner: "alice", since: 1, step }, configDiff: { path: "/etc/xen/web1.cfg", diff: "" },
  estimate: {
    copyBytes: 1, seconds: 1, downtimeSeconds: 1, budgetSeconds: 1,
    spaceNeeded: [{ group: "vg0", bytes: 1, freeBytes: 1 }], parts: [{ what: "w", seconds: 1, how: "h" }],
  },
};
const report: RunReport = {
  ...emptyReport, run: "one", message: "m", downtimeSeconds: 1, back: "started", failure: { id: "x", exit: 1, message: "m", tail: "" },
  deltas: [{ id: "x", bytes: 1, of: 1 }], frozen: [{ volume: "vg0/images", seconds: 1 }],
  waiting: { id: "x", domain: "web1", window: "w", opens: 1, clock: "c", at: 1 },
};

describe("the page about --json", () => {
  test("has a row for each type of line, with its members", () => {
    const [first = ""] = page.split("\n## ");
    const found = rows(first);
    expect([...found.keys()].sort()).toEqual(Object.keys(LINES).sort());
    // those of a recap have a section of their own
    for (const [type, members] of Object.entries(LINES)) if (type !== "recap") expectNamed(found.get(type) ?? "", Object.keys(members));
    expectNamed(found.get("begin") ?? "", Object.keys(COMMANDS));
    expectNamed(found.get("diagnostic") ?? "", Object.keys(DIAGNOSTIC));
    const status = first.slice(first.indexOf("`converge status"), first.indexOf("`converge facts"));
    expectNamed(status, [...Object.keys(RUNS), ...Object.keys(GUESTS), ...Object.keys(step)]);
  });

  test("names no command in a begin that none gives", () => {
    const [, named = ""] = /`command` \(([^)]*)\)/.exec(page) ?? [];
    expect(named.split(", ").sort()).toEqual(Object.keys(COMMANDS).map((command) => `\`${command}\``).sort());
  });

  test("has a row for each member of a guest in a plan, and names all that is below it", () => {
    const line = planLine({ host: "dom0a", domains: [full], diagnostics: [] }, describeStep);
    const [guest = {}] = line.type === "plan" ? line.domains : [];
    const text = section("## A guest in a plan");
    const found = rows(text.split("\n### ")[0] ?? "");
    for (const [member, value] of Object.entries(guest)) {
      expect(text, member).toContain(`\`${member}\``);
      // changes have a table of their own
      if (member !== "domain" && member !== "digest" && member !== "changes") expectNamed(found.get(member) ?? "", membersOf(value));
    }
    // the row for domain and digest stands under both names
    expect([...found.keys()].filter((name) => !Object.hasOwn(guest, name))).toEqual([]);
  });

  test("has a row for each kind of change, with its members", () => {
    const line = planLine({ host: "dom0a", domains: [full], diagnostics: [] }, describeStep);
    const changes = line.type === "plan" ? line.domains.flatMap((guest) => ("changes" in guest && Array.isArray(guest.changes) ? guest.changes as { change: string }[] : [])) : [];
    const found = rows(section("### Changes"));
    found.forEach((_row, kind) => { expect(Object.keys(CHANGES)).toContain(kind); });
    expect(changes.length).toBe(found.size);
    for (const { change, ...members } of changes) expectNamed(found.get(change) ?? "", membersOf(members));
  });

  test("has a row for each event of a run, with its members", () => {
    const found = rows(section("## Events of a run"));
    expect([...found.keys()].sort()).toEqual(Object.keys(EVENTS).sort());
    for (const [event, members] of Object.entries(EVENTS)) expectNamed(found.get(event) ?? "", Object.keys(members));
    expectNamed(found.get("end") ?? "", Object.keys(OUTCOMES));
    expectNamed(found.get("back") ?? "", Object.keys(HOWS));
  });

  test("names each member of a recap, and has a row for each end", () => {
    const text = section("## The recap of a guest");
    const ends = rows(text);
    expect([...ends.keys()].sort()).toEqual(Object.keys(ENDS).sort());
    const held = { ...report, held: ["xvda1.create-volume", "xvda1.delete-image"] };
    const sources = ["keep", "retire", "delete"] as const;
    for (const [end, source] of (["done", "waiting", "failed"] as const).flatMap((one) => sources.map((move) => [one, move] as const))) {
      const changes = [{ ...moved, wish: { ...moved.wish, move: { ...moved.wish.move, source, keepForSeconds: 1 } } }];
      const { type: _type, ...line } = recapLine({ host: "dom0a", plan: { ...planned, changes, estimate: full.estimate }, end, report: { ...held, endedAt: 1 }, follow: ["f"] });
      expectNamed(text, membersOf(line));
    }
  });

  test("tells a guest that is only made ready for its own reboot from one that is moved, in its plan and in its recap", () => {
    const plan = { ...planned, changes: [moved], awaits: "reboot" as const };
    expect(planLine({ host: "dom0a", domains: [plan], diagnostics: [] }, describeStep)).toMatchObject({ domains: [{ awaits: "reboot" }] });
    expect(recapLine({ host: "dom0a", plan, end: "done", report })).toMatchObject({ end: "done", awaits: "reboot" });
    expect(section("## A guest in a plan")).toContain("| `awaits` |");
    expectNamed(section("## The recap of a guest"), ["awaits"]);
    expect(recapLine({ host: "dom0a", plan: planned, end: "done", report })).not.toHaveProperty("awaits");
  });
});
