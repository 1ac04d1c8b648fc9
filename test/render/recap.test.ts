import { expect, test } from "vitest";
import type { Change } from "../../src/core/model/change.js";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { DomainPlan } from "../../src/core/model/plan.js";
import type { RunEvent } from "../../src/core/model/run-event.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { eventText } from "../../src/core/render/event-line.js";
import { recapLine } from "../../src/core/render/json-lines.js";
import type { GuestRecap } from "../../src/core/render/recap.js";
import { renderRecap } from "../../src/core/render/recap.js";
import { reportOf } from "../../src/core/render/run-report.js";
import { plainStyle } from "../../src/core/render/style.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import { aHost, aVolume, aWish, MIB, sha256 } from "../support/a-host.js";

const view = { width: 80, style: plainStyle, verbosity: 0, describe: describeStep };

/** A guest that QEMU served was held for so long when its disks were switched. */
function downtimeLine(downtime: number, move: MoveOptions = {}): string | undefined {
  const host = aHost([{ name: "web1", qdisk: true, disks: { xvda1: {} } }]);
  const [plan] = planHost(host, [aWish("web1", ["xvda1"], { strategy: "qemu", ...move })], sha256).domains;
  if (plan === undefined) throw new Error("nothing to do");
  const events: readonly RunEvent[] = [
    { event: "begin", seq: 1, at: 10, run: "1", domain: "web1", digest: "d", owner: "alice" },
    { event: "commit", seq: 2, at: 20, domain: "web1" }, { event: "ready", seq: 3, at: 21, domain: "web1", downtime },
    { event: "end", seq: 4, at: 22, outcome: "done", message: "all steps are done" },
  ];
  return renderRecap([{ host: "dom0a", plan, end: "done", report: reportOf(events) }], view).find((line) => line.includes("downtime"))?.trim();
}

test("writes that were held while QEMU went over are a downtime, beside what was forecast of it", () => {
  expect(downtimeLine(0.3)).toBe("downtime  0.3 s, forecast 0.1 s, no budget set");
  expect(downtimeLine(0.02), "which is not nothing").toBe("downtime  less than 0.1 s, forecast 0.1 s, no budget set");
  expect(eventText({ event: "ready", seq: 1, at: 1, domain: "web1", downtime: 0.02 }).text).toBe("web1 is up again after less than 0.1 s");
});

/** A run whose guest went down and came back by itself, by the words that are shown of it. */
function backLine(event: Pick<Extract<RunEvent, { event: "back" }>, "how" | "downtime">, end: "failed" | "stuck"): string {
  const [plan] = planHost(aHost([{ name: "web1", disks: { xvda1: {} } }]), [aWish("web1", ["xvda1"], { strategy: "rsync", downtimeSeconds: 30 })], sha256).domains;
  if (plan === undefined) throw new Error("nothing to do");
  const events: readonly RunEvent[] = [
    { event: "down", seq: 1, at: 10, domain: "web1" },
    ...(end === "stuck" ? [{ event: "commit", seq: 2, at: 20, domain: "web1" } as const] : []),
    { event: "back", seq: 3, at: 21, domain: "web1", ...event },
  ];
  const lines = renderRecap([{ host: "dom0a", plan, end, report: reportOf(events) }], view);
  const first = lines.findIndex((line) => line.includes("downtime"));
  return lines.slice(first).map((line) => line.trim()).join(" ");
}

test("a guest that came back by the way back was down until then, in words that say how it came", () => {
  expect(backLine({ how: "started", downtime: 21 }, "failed")).toBe("downtime  21 s, until it was started again on its old disks; forecast 27 s, budget 30 s");
  expect(backLine({ how: "started" }, "failed"), "nobody knows").toBe("downtime  not known, until it was started again on its old disks; forecast 27 s, budget 30 s");
  expect(backLine({ how: "restored", downtime: 3.2 }, "failed")).toBe("downtime  3.2 s, until it went on from its saved memory, on its old disks; forecast 27 s, budget 30 s");
  expect(backLine({ how: "resumed", downtime: 31 }, "stuck")).toBe("downtime  31 s, until it was let run on its new disks; it has not been seen ready; forecast 27 s, budget 30 s: over the budget");
  expect(backLine({ how: "stayed", downtime: 0 }, "failed")).toBe("downtime  none: it was asked to go down, did not, and runs on, on its old disks; forecast 27 s, budget 30 s");
  expect(backLine({ how: "stayed", downtime: 3 }, "failed")).toBe("downtime  3 s; asked to go down once more it did not, and runs on, on its old disks; forecast 27 s, budget 30 s");
  expect(backLine({ how: "found", downtime: 90 }, "stuck"), "which may be less").toBe("downtime  at most 1 min 30 s, until it was found running on its new disks; forecast 27 s, budget 30 s");
});

/** What is told to be left, where a guest's changes are these. */
function leftOf(changes: readonly Change[], guest: Pick<GuestRecap, "end"> & Partial<GuestRecap>, events: readonly RunEvent[] = []): { readonly lines: readonly string[]; readonly json: object } {
  const recap: GuestRecap = { host: "dom0a", plan: { ...planOf({}), changes }, report: reportOf(events), ...guest };
  const lines = renderRecap([recap], view);
  const first = lines.findIndex((line) => /^ {4}(kept|deleted) /.test(line));
  return { lines: first < 0 ? [] : lines.slice(first).map((line) => line.trim()), json: recapLine(recap) };
}

function planOf(move: MoveOptions): DomainPlan {
  const [plan] = planHost(aHost([{ name: "web1", disks: { xvda1: {} } }]), [aWish("web1", ["xvda1"], { strategy: "rsync", ...move })], sha256).domains;
  if (plan === undefined) throw new Error("nothing to do");
  return plan;
}

const CREATED: RunEvent = { event: "done", seq: 1, at: 10, id: "xvda1.create-volume", seconds: 1 };

test("a retired image is named, and until when it is kept by whom", () => {
  const ended: RunEvent = { event: "end", seq: 2, at: 1_700_000_000, outcome: "done", message: "" };
  const plain = leftOf(planOf({ source: "retire" }).changes, { end: "done" }, [ended]);
  expect(plain.lines.join(" ")).toBe("kept      /srv/xen/web1/xvda1.img.retired (32 MiB), retired, for 30 days, until 2023-12-14 22:13:20 UTC; `converge gc` deletes it then");
  expect(plain.json).toMatchObject({ kept: [], retired: [{ path: "/srv/xen/web1/xvda1.img.retired", was: "/srv/xen/web1/xvda1.img", until: 1_702_592_000 }] });
  const asked = leftOf(planOf({ source: "retire", keepForSeconds: 129_600 }).changes, { end: "done" });
  expect(asked.lines.join(" ")).toBe("kept      /srv/xen/web1/xvda1.img.retired (32 MiB), retired, for 1.5 days; `converge gc` with this playbook deletes it then");
  for (const end of ["stuck", "differs", "failed"] as const) expect(leftOf(planOf({ source: "retire" }).changes, { end }).lines, end).toEqual([]);
});

test("an image that was deleted is named, also where the run was stuck behind that", () => {
  const { changes } = planOf({ source: "delete" });
  const gone: RunEvent = { event: "done", seq: 2, at: 20, id: "xvda1.delete-image", seconds: 1 };
  expect(leftOf(changes, { end: "done" }).lines).toEqual(["deleted   /srv/xen/web1/xvda1.img (32 MiB), as the playbook says"]);
  expect(leftOf(changes, { end: "stuck" }, [gone]).json).toMatchObject({ deleted: [{ path: "/srv/xen/web1/xvda1.img" }] });
  expect(leftOf(changes, { end: "stuck" }).lines).toEqual([]);
});

test("a copy that a run had begun stays when it goes back, and is named with what removes it", () => {
  const { changes } = planOf({});
  const copy = ["kept      vg0/web1-xvda1 (64 MiB), a copy that was begun: the next run goes", "on from it; to be rid of it, on dom0a:", "lvremove vg0/web1-xvda1"];
  for (const end of ["failed", "refused", "stopped"] as const) expect(leftOf(changes, { end }, [CREATED]).lines, end).toEqual(copy);
  expect(leftOf(changes, { end: "failed" }, [{ event: "skip", seq: 1, at: 1, id: "xvda1.create-volume", why: "holds already" }]).lines).toEqual(copy);
  expect(leftOf(changes, { end: "failed" }, [CREATED]).json).toMatchObject({ volumes: [{ volume: "vg0/web1-xvda1", is: "copy", remove: ["lvremove", "vg0/web1-xvda1"] }] });
  expect(leftOf(changes, { end: "failed" }).lines, "it was never made").toEqual([]);
  expect(leftOf(changes, { end: "failed" }, [CREATED, { event: "down", seq: 2, at: 11, domain: "web1" }]).lines, "the guest is to be seen to first").toEqual([]);
  // it is the guest's disk, or may be
  for (const end of ["stuck", "lost", "detached", "waiting"] as const) expect(leftOf(changes, { end }, [CREATED]).lines, end).toEqual([]);
  expect(leftOf(changes, { end: "stopped" }, [CREATED, { event: "commit", seq: 2, at: 11, domain: "web1" }]).lines).toEqual([]);
  // the guest had left it, and it may hold what is nowhere else
  const before = changes.map((change) => (change.change === "move-disk" ? { ...change, to: { ...change.to, former: true, begun: true } } : change));
  expect(leftOf(before, { end: "failed" }, [CREATED]).lines).toEqual([]);
});

test("a volume that its guest has left for its image is named, and whether it alone holds something", () => {
  const [moved] = planOf({}).changes;
  if (moved?.change !== "move-disk") throw new Error("nothing moves");
  const change: Change = {
    change: "return-disk", domain: "web1", vdev: "xvda1", volume: aVolume("vg0/web1-xvda1", 64 * MIB), image: moved.image, path: moved.image.path,
    format: "raw", carry: "nothing", halfCarried: false, removeVolume: false,
  };
  expect(leftOf([change], { end: "done" }).lines).toEqual([
    "kept      vg0/web1-xvda1 (64 MiB), no longer in use, and alone in holding", "what the guest wrote there; to be rid of it, on dom0a:", "lvremove vg0/web1-xvda1",
  ]);
  expect(leftOf([{ ...change, carry: "files" }], { end: "done" }).lines[0]).toBe("kept      vg0/web1-xvda1 (64 MiB), no longer in use; to be rid of it, on");
  expect(leftOf([{ ...change, removeVolume: true }], { end: "done" }).lines).toEqual([]);
  expect(leftOf([change], { end: "failed" }).lines).toEqual([]);
});

test("and against the budget", () => {
  expect(downtimeLine(0.3, { downtimeSeconds: 1 })).toBe("downtime  0.3 s, forecast 0.1 s, budget 1 s");
  expect(downtimeLine(1.2, { downtimeSeconds: 1 })).toBe("downtime  1.2 s, forecast 0.1 s, budget 1 s: over the budget");
});
