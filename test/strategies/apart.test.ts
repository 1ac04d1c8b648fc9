import { describe, expect, test } from "vitest";
import type { DesiredDomain, MoveOptions } from "../../src/core/model/desired.js";
import type { Model } from "../../src/core/model/model.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { expectNothingLeft, expectSafeToStart } from "../laws/holds.js";
import { aHost, aWish, MIB, sha256, swap, withFullImages } from "../support/a-host.js";
import type { ADisk } from "../support/a-host.js";

/** Disks of one guest that have no way in common: what the complaint advises is what can be done. */

const BLOCKS: ADisk = { content: { type: "partitions", table: "dos" } };
const QCOW2: ADisk = { format: "qcow2", content: { type: "unknown" }, qdisk: true };

interface Case {
  readonly what: string;
  readonly disks: Readonly<Record<string, ADisk>>;
  /** Of single disks: how they are wished. */
  readonly wished?: Readonly<Record<string, { readonly bytes?: number; readonly move?: MoveOptions }>>;
  readonly runs: readonly { readonly vdevs: readonly string[]; readonly by: readonly string[] }[];
  readonly says: string;
}

const CASES: readonly Case[] = [
  {
    what: "a qcow2 root that QEMU serves, and raw data that the kernel does",
    disks: { xvda1: QCOW2, xvdb: {} },
    runs: [{ vdevs: ["xvda1"], by: ["qemu"] }, { vdevs: ["xvda1", "xvdb"], by: ["dm"] }],
    says: "Run the playbook first with xvda1 alone under `disks` (qemu), then as it is, which moves xvdb (dm).",
  },
  {
    what: "data that comes first in the config, and two of them",
    disks: { xvda1: {}, xvda2: { content: swap("s", 64 * MIB) }, xvdb: QCOW2 },
    runs: [{ vdevs: ["xvdb"], by: ["qemu"] }, { vdevs: ["xvda1", "xvda2", "xvdb"], by: ["dm", "dm"] }],
    says: "Run the playbook first with xvdb alone under `disks` (qemu), then as it is, which moves xvda1 and xvda2 (dm).",
  },
  {
    what: "a file system that is to be smaller, and a whole disk with partitions",
    disks: { xvda1: {}, xvdb: BLOCKS }, wished: { xvda1: { bytes: 32 * MIB } },
    runs: [{ vdevs: ["xvdb"], by: ["dm"] }, { vdevs: ["xvda1", "xvdb"], by: ["rsync"] }],
    says: "Run the playbook first with xvdb alone under `disks` (dm), then as it is, which moves xvda1 (rsync).",
  },
  {
    what: "strategies that the playbook names",
    disks: { xvda1: {}, xvdb: {} }, wished: { xvda1: { move: { strategy: "rsync" } }, xvdb: { move: { strategy: "md" } } },
    runs: [{ vdevs: ["xvdb"], by: ["md"] }, { vdevs: ["xvda1", "xvdb"], by: ["rsync"] }],
    says: "Run the playbook first with xvdb alone under `disks` (md), then as it is, which moves xvda1 (rsync). " +
      "Or name one strategy for all disks that can carry each.",
  },
  {
    what: "three that have nothing in common",
    disks: { xvda1: QCOW2, xvdb: BLOCKS, xvdc: {} }, wished: { xvdc: { bytes: 32 * MIB } },
    runs: [{ vdevs: ["xvda1"], by: ["qemu"] }, { vdevs: ["xvda1", "xvdb"], by: ["dm"] }, { vdevs: ["xvda1", "xvdb", "xvdc"], by: ["rsync"] }],
    says: "Run the playbook first with xvda1 alone under `disks` (qemu), then with xvda1 and xvdb alone under `disks` (dm), " +
      "then as it is, which moves xvdc (rsync).",
  },
];

describe.each(CASES)("$what", ({ disks, wished = {}, runs, says }) => {
  // md takes no image with holes
  const state = withFullImages(aHost([{ name: "web1", disks }]));
  const wish = (vdevs: readonly string[]): DesiredDomain => {
    const all = aWish("web1", vdevs);
    return { ...all, disks: all.disks.map((disk) => ({ ...disk, ...wished[disk.vdev] })) };
  };

  test("is told in which runs it can be moved", () => {
    const { domains, diagnostics } = planHost(state, [wish(Object.keys(disks))], sha256);
    expect(domains).toEqual([]);
    expect(diagnostics).toMatchObject([{ code: "mixed-strategies", fix: says }]);
  });

  test("can be moved in them", () => {
    let model: Model = startModel(state);
    for (const { vdevs, by } of runs) {
      const planned = planHost(model.host, [wish(vdevs)], sha256);
      expect(planned.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
      const [domain] = planned.domains;
      expect(domain?.choices.map(({ strategy }) => strategy), vdevs.join(" ")).toEqual(by);
      const simulated = simulate(domain?.nodes ?? [], model);
      if (!simulated.ok) throw new Error(simulated.why);
      for (const moment of simulated.moments) expectSafeToStart(moment.model, `${vdevs.join(" ")}: ${moment.step?.id ?? "before"}`);
      model = simulated.end;
    }
    expect(planHost(model.host, [wish(Object.keys(disks))], sha256).domains).toEqual([]);
    expect(model.host.domains["web1"]?.running?.paused).toBe(false);
    expect(model.host.domains["web1"]?.config?.disks.map(({ target }) => target)).toEqual(Object.keys(disks).map((vdev) => `/dev/vg0/web1-${vdev}`));
    expectNothingLeft(model, "at the end");
  });
});
