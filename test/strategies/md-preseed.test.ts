import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { arrayName, mappingPath } from "../../src/core/model/mapping.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { Mapping, Mount } from "../../src/core/model/storage.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { readdArray } from "../../src/core/steps/changes-mirror.js";
import { aHost, aWish, GIB, MIB, sha256, withFullImages } from "../support/a-host.js";

const TOOL = { mdadm: { present: true, version: "4.2" } };

function planned(change: (state: HostState) => HostState = (state) => state, move: MoveOptions = {}) {
  const made = withFullImages(aHost([{ name: "web1", running: true, disks: { xvda1: { bytes: 64 * MIB } } }]));
  const state = change({ ...made, tools: { ...made.tools, ...TOOL } });
  return planHost(state, [aWish("web1", ["xvda1"], { strategy: "md-preseed", switch: "suspend", ...move })], sha256);
}

/** The guest has been left on its array. */
const onArray = (bitmap: boolean) => (state: HostState): HostState => {
  const name = arrayName("web1", "xvda1");
  const { web1 } = state.domains;
  if (web1?.running === undefined) throw new Error("there is no web1");
  const mapping: Mapping = {
    name, bytes: 64 * MIB, open: true, ...(bitmap ? { bitmap } : {}), table: { kind: "linear", on: "/srv/xen/web1/xvda1.img" },
  };
  const disks = <Disk extends { readonly vdev: string }>(all: readonly Disk[], key: string) =>
    all.map((disk) => (disk.vdev === "xvda1" ? { ...disk, [key]: mappingPath(name) } : disk));
  const running = { ...web1.running, attached: disks(web1.running.attached, "params"), stored: disks(web1.running.stored, "target") };
  return { ...state, mappings: [mapping], domains: { web1: { ...web1, running } } };
};

const books = (type: string): Mount => ({ target: "/var/lib", source: "x", type, options: "rw", devno: "0:40", root: "/" });

describe("md-preseed is refused", () => {
  test.each<{ what: string; change: (state: HostState) => HostState; why: RegExp }>([
    {
      what: "by an mdadm that takes no bitmap in a file any more", why: /mdadm 4\.4 takes no bitmap in a file any more .*take md/,
      change: (state) => ({ ...state, tools: { ...state.tools, mdadm: { present: true, version: "4.4" } } }),
    },
    {
      what: "by one of a later major version", why: /mdadm 5\.0 takes no bitmap/,
      change: (state) => ({ ...state, tools: { ...state.tools, mdadm: { present: true, version: "5.0" } } }),
    },
    {
      what: "by one that does not say its version", why: /does not say its version/,
      change: (state) => ({ ...state, tools: { ...state.tools, mdadm: { present: true } } }),
    },
    {
      what: "where the books lie on a file system that has no blocks to write to", why: /lies on tmpfs, and md writes its bitmap to the blocks/,
      change: (state) => ({ ...state, mounts: [...state.mounts, books("tmpfs")] }),
    },
    {
      what: "without raid1, as md is", why: /no module raid1/,
      change: (state) => ({ ...state, modules: { ...state.modules, raid1: "missing" } }),
    },
  ])("$what", ({ change, why }) => {
    const { domains, diagnostics } = planned(change);
    expect(domains).toEqual([]);
    const said = diagnostics.find((d) => d.code === "no-strategy-fits");
    expect(`${said?.summary ?? ""} ${said?.detail ?? ""}`).toMatch(why);
  });

  test.each(["4.2", "4.3"])("not by mdadm %s", (version) => {
    const { diagnostics } = planned((state) => ({ ...state, tools: { ...state.tools, mdadm: { present: true, version } }, mounts: [...state.mounts, books("ext4")] }));
    expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  });
});

test("the bitmap is there before the guest is on the array, and the guest before a block is copied", () => {
  const kinds = stepsOf(planned().domains[0]?.nodes ?? []).map((step) => step.kind);
  const order = ["try-bitmap", "track-array", "save-guest", "resume-guest", "preseed", "re-add-array", "sync-changes", "complete-changes", "edit-config", "update-stored", "cut-array"];
  expect(kinds.filter((kind) => order.includes(kind))).toEqual(order);
});

test("nothing comes between the last of it, the configs and the cut", () => {
  const state = withFullImages(aHost([{ name: "web1", running: true, disks: { xvda1: {}, xvdb: {} } }]));
  const { domains } = planHost({ ...state, tools: { ...state.tools, ...TOOL } }, [aWish("web1", ["xvda1", "xvdb"], { strategy: "md-preseed", switch: "suspend" })], sha256);
  const kinds = stepsOf(domains[0]?.nodes ?? []).map((step) => step.kind);
  const first = kinds.indexOf("complete-changes");
  expect(kinds.slice(first, kinds.lastIndexOf("cut-array") + 1))
    .toEqual(["complete-changes", "complete-changes", "edit-config", "update-stored", "cut-array", "cut-array"]);
});

test("a guest that sits on its array is copied beside the bitmap that the array has, and mirrored whole where it has none", () => {
  const kindsOn = (bitmap: boolean) => planned(onArray(bitmap)).domains.flatMap(({ nodes }) => stepsOf(nodes).map((step) => step.kind));
  expect(kindsOn(true)).toEqual(expect.arrayContaining(["preseed", "re-add-array", "complete-changes"]));
  expect(kindsOn(false)).toEqual(expect.arrayContaining(["grow-array", "sync-array", "complete-array"]));
  expect(kindsOn(false)).not.toContain("re-add-array");
  expect(planned(onArray(false)).domains[0]?.choices[0]?.because.join()).toMatch(/has no bitmap.*all of it is mirrored/);
});

test("its throttle is that of the process that copies, and of the array's own copy", () => {
  const { domains } = planned(undefined, { throttle: { nice: 5, ionice: "idle", bandwidthBytesPerSecond: 8 * MIB } });
  const steps = stepsOf(domains[0]?.nodes ?? []);
  expect(steps.find(({ kind }) => kind === "preseed")?.args).toMatchObject({ throttle: { nice: 5, ionice: "idle", bandwidthBytesPerSecond: 8 * MIB } });
  expect(steps.find(({ kind }) => kind === "re-add-array")?.args).toMatchObject({ bytesPerSecond: 8 * MIB });
});

test.each([
  { bytes: 64 * MIB, held: 0 }, { bytes: 128 * MIB, held: 0 }, { bytes: 128 * MIB + 1024, held: 262144 }, { bytes: 10 * GIB, held: 79 * 262144 },
])("what md passes over at once where nothing is written is held back: $bytes bytes, from sector $held on", ({ bytes, held }) => {
  const leg = { device: "/dev/x", disk: "x" };
  expect(readdArray.actions({ domain: "web1", name: "md/x", bytes, from: leg, to: leg })[0]?.verb).toEqual(["hold_array", "md/x", String(held)]);
});

test("it is never chosen where nobody names it", () => {
  const { domains } = planned(undefined, { strategy: "auto" });
  expect(domains[0]?.choices.map(({ strategy }) => strategy)).not.toContain("md-preseed");
});
