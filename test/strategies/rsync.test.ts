import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import type { CheckFilesystem } from "../../src/core/steps/check-filesystem.js";
import { aHost, aWish, GIB, MIB, sha256, swap, xfs } from "../support/a-host.js";
import type { ADisk, AGuest } from "../support/a-host.js";

/** How a copy of files is made, live or at rest, and how it is checked. */

const LIVE: ADisk = {};
const ELSEWHERE: ADisk = { elsewhere: true };

function planned(disks: AGuest["disks"], move: MoveOptions = {}, change: (state: HostState) => HostState = (state) => state, running = true) {
  const { domains, diagnostics } = planHost(
    change(aHost([{ name: "web1", running, disks }])), [aWish("web1", Object.keys(disks), { strategy: "rsync", ...move })], sha256,
  );
  const nodes = domains[0]?.nodes ?? [];
  const steps = stepsOf(nodes);
  return {
    plan: domains[0], nodes, steps, ids: steps.map(({ id }) => id),
    errors: diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code),
    checks: steps.filter(({ kind }) => kind === "check-filesystem")
      .map(({ id, phase, args }) => [id, phase, stepKinds["check-filesystem"].actions(args as CheckFilesystem)[0]]),
  };
}

const noSnapshots = (state: HostState): HostState => ({ ...state, modules: { ...state.modules, dm_snapshot: "missing" } });

describe("a copy is checked", () => {
  const by = (...command: string[]) => ({ verb: ["check_copy", "vg0/web1-xvda1"], command: [...command, "/dev/vg0/web1-xvda1"] });
  const all = by("e2fsck", "-f", "-n");

  test("all of it while the guest runs, and at rest only whether it was left in order: the guest waits", () => {
    expect(planned({ xvda1: LIVE }).checks).toEqual([
      ["xvda1.check-copy", "prepare", all], ["xvda1.check", "switch", by("e2fsck", "-n")],
    ]);
  });

  test("all of it at rest where it is made at rest, since nobody has looked at it before", () => {
    expect(planned({ xvda1: LIVE }, {}, undefined, false).checks).toEqual([["xvda1.check", "switch", all]]);
    expect(planned({ xvda1: ELSEWHERE }, { offline: true }).checks).toEqual([["xvda1.check", "switch", all]]);
  });
});

describe("what a guest waits for while its copy is checked is forecast", () => {
  const parts = (disk: ADisk, move: MoveOptions = {}) => planned({ xvda1: disk }, move).plan?.estimate.parts.map(({ what }) => what);

  test("where all of it is looked at then: of an xfs always, of another one where it is made at rest", () => {
    expect(parts({ content: xfs("xfs-1", 4 * GIB), bytes: 4 * GIB })).toEqual(["shut down", "last pass", "checking the copy", "start until ready"]);
    expect(parts(LIVE)).toEqual(["shut down", "last pass", "start until ready"]);
    expect(parts(ELSEWHERE, { offline: true })).toEqual(["shut down", "copy", "checking the copy", "start until ready"]);
  });

  test("and the passes leave that much of the budget for it", () => {
    const reserved = (disk: ADisk) => planned({ xvda1: disk }, { downtimeSeconds: 120 }).nodes
      .flatMap((node) => (node.node === "repeat" ? [node.rule.overheadSeconds] : []));
    const [plain = 0] = reserved(LIVE);
    expect(reserved({ content: xfs("xfs-1", 4 * GIB), bytes: 4 * GIB })[0]).toBeGreaterThan(plain);
  });

  test("by what this host has copied a second", () => {
    const checking = (bytesPerSecond: number) => planned({ xvda1: { content: xfs("xfs-1", 64 * GIB, 60 * GIB), bytes: 64 * GIB, full: true } }, {}, (state) => ({
      ...state, volumeGroups: Object.fromEntries(Object.entries(state.volumeGroups).map(([name, group]) => [name, { ...group, freeExtents: 1e6 }])), history: [{ domain: "db1", strategy: "rsync", shutdownSeconds: 1, startSeconds: 1, downtimeSeconds: 3, bytesPerSecond }],
    })).plan?.estimate.parts.find(({ what }) => what === "checking the copy")?.seconds ?? 0;
    expect(checking(100 * MIB) - 1).toBeCloseTo(2 * (checking(200 * MIB) - 1), 0);
  });
});

describe("`offline` permits the guest to be down for the copy", () => {
  test("and takes it down for that only where no snapshot of the image can be taken", () => {
    const passes = (of: ReturnType<typeof planned>) => of.nodes.some(({ node }) => node === "repeat");
    expect(passes(planned({ xvda1: LIVE }, { offline: true }))).toBe(true);
    expect(planned({ xvda1: LIVE }, { offline: true }).ids).toEqual(planned({ xvda1: LIVE }).ids);
    expect(passes(planned({ xvda1: ELSEWHERE }, { offline: true }))).toBe(false);
    expect(passes(planned({ xvda1: LIVE }, { offline: true }, noSnapshots))).toBe(false);
  });

  test("which nothing else does: without it such a disk is refused", () => {
    expect(planned({ xvda1: ELSEWHERE }).errors).toEqual(["image-not-on-lvm"]);
    expect(planned({ xvda1: LIVE }, {}, noSnapshots).errors).toEqual(["missing-module"]);
  });

  test("disk by disk: the others are copied while it runs, and all of them have one downtime", () => {
    const { ids, steps, errors } = planned({ xvda1: LIVE, xvdb: ELSEWHERE }, { offline: true });
    expect(errors).toEqual([]);
    const copies = steps.filter(({ kind }) => kind === "copy-files").map(({ id, phase, args }) => [id, phase, (args as { role: string }).role]);
    expect(copies).toEqual([["xvda1.pass.copy", "prepare", "delta"], ["xvda1.copy-last", "switch", "last"], ["xvdb.copy-last", "switch", "first"]]);
    expect(steps.filter(({ kind }) => kind === "create-snapshot")).toHaveLength(1);
    expect(ids.filter((id) => id === "shut-down")).toHaveLength(1);
  });

  test("and what is copied at rest counts with the rest of the downtime when the passes are held to the budget", () => {
    const big: ADisk = { ...ELSEWHERE, bytes: 4 * GIB };
    const rule = (disks: AGuest["disks"]) => planned(disks, { offline: true, downtimeSeconds: 120 }).nodes.find((node) => node.node === "repeat");
    // 25 s to go down and come up; 1 GiB in use at 50 MiB/s, two seconds to look through it, and two to check the copy
    expect(rule({ xvda1: LIVE })).toMatchObject({ rule: { overheadSeconds: 25 } });
    expect(rule({ xvda1: LIVE, xvdb: big })).toMatchObject({ rule: { downtimeSeconds: 120, overheadSeconds: 50 } });
    expect(rule({ xvda1: LIVE, xvdb: { content: swap("s", 64 * MIB) } })).toMatchObject({ rule: { overheadSeconds: 25 } });
  });

  test("and a rehearsal only where its copy is there before", () => {
    expect(planned({ xvda1: LIVE, xvda2: { content: swap("s", 64 * MIB) } }, { offline: true, rehearse: true }).errors).toEqual([]);
    expect(planned({ xvda1: LIVE, xvdb: ELSEWHERE }, { offline: true, rehearse: true }).errors).toEqual(["no-strategy-fits"]);
  });
});
