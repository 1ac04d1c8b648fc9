import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState, RunRecord } from "../../src/core/model/host-state.js";
import type { Model } from "../../src/core/model/model.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { Step } from "../../src/core/model/step.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { recover } from "../../src/core/plan/recover.js";
import { simulate, simulateStep, startModel, unroll } from "../../src/core/plan/simulate.js";
import { CARRY_DONE, volumeTags } from "../../src/core/model/names.js";
import type { Layers } from "../../src/core/model/storage.js";
import { aHost, aVolume, aWish, ext4, MIB, sha256, withFullImages } from "../support/a-host.js";
import { withBooks } from "../support/a-leftover.js";
import { IMAGE, MOVED_AT, VOLUME, complaints, down, guestOf, imageOf, movedHost, plannedBack, restarted, withConfigText, withImage } from "../support/a-return.js";
import { asWritten } from "../laws/as-written.js";

/** What the config names is not where the guest is: a run that died before its commit is taken back before the next one begins. */

const HOST = withFullImages(aHost([{ name: "web1", disks: { xvda1: {} } }]));
const WISH = (move: MoveOptions) => [aWish("web1", ["xvda1"], move)];

const stepsFor = (move: MoveOptions): readonly Step[] => unroll(planHost(HOST, WISH(move), sha256).domains[0]?.nodes ?? []);

function upTo(kind: Step["kind"], steps: readonly Step[]): { readonly started: readonly Step[]; readonly model: Model } {
  const started = steps.slice(0, steps.findIndex((step) => step.kind === kind) + 1);
  return { started, model: asWritten(started.reduce((at, step) => simulateStep(step, at).model, startModel(HOST))) };
}

const RUN: RunRecord = { run: "one", domain: "web1", digest: "d", state: "stopped", owner: "alice", since: 1 };
const kindsOf = (state: HostState, move: MoveOptions): readonly string[] =>
  planHost(state, WISH(move), sha256).domains.flatMap(({ nodes }) => stepsOf(nodes).map(({ kind }) => kind));

const WAYS: readonly MoveOptions[] = [
  { strategy: "rsync" }, { strategy: "dm", switch: "suspend" }, { strategy: "md", switch: "suspend" }, { strategy: "drbd", switch: "suspend" },
];
const GIVEN_UP = WAYS.flatMap((move) => (["delete", "retire"] as const).map((source) => ({ ...move, source })));

describe("a run that died behind its edit of the config", () => {
  test.each(GIVEN_UP)("is to be ended first, by $strategy with source: $source", (move) => {
    const { started, model } = upTo("edit-config", stepsFor(move));
    const dead = { ...model.host, runs: [RUN] };
    expect(complaints(planHost(dead, WISH(move), sha256))).toEqual(["error[run-half-way]"]);
    expect(kindsOf(dead, move)).toEqual([]);
    // and where it was taken back between the look and the submission, what was planned stops before anything is settled
    const settled = planHost({ ...model.host, commits: [{ domain: "web1", run: "one", at: 2, volumes: [VOLUME] }] }, WISH(move), sha256);
    const back = asWritten(recover(started, "web1", model));
    const ran = simulate(settled.domains[0]?.nodes ?? [], back);
    expect(ran.ok ? "went on" : ran.step.kind).toBe("guard");
  });

  test("and left that behind as it ended is to be ended first as well", () => {
    const { model } = upTo("edit-config", stepsFor({ strategy: "rsync", source: "delete" }));
    const unfinished = { ...RUN, state: "failed" as const, outcome: "failed", unfinished: "edit-config: the config could not be put back" };
    expect(complaints(planHost({ ...down(model.host), runs: [unfinished] }, WISH({ source: "delete" }), sha256))).toEqual(["error[run-half-way]"]);
  });

  test("once it has committed is gone on with", () => {
    const { model } = upTo("unpause", stepsFor({ strategy: "rsync", source: "delete" }));
    const commits = [{ domain: "web1", run: "one", at: 2, volumes: [VOLUME] }];
    for (const run of [{ ...RUN, committing: "running" as const }, { ...RUN, committing: "running" as const, committedAt: 2 }]) {
      expect(kindsOf({ ...model.host, runs: [run], commits: run.committedAt === undefined ? [] : commits }, { source: "delete" })).toContain("delete-image");
    }
  });
});

describe("a run that died is brought to its end before the next one begins, and may start a guest that is down", () => {
  const isDown = down(HOST);
  const saidOf = (state: HostState, run: Partial<RunRecord>) => planHost({ ...state, runs: [{ ...RUN, ...run }] }, WISH({ strategy: "rsync" }), sha256);

  test("which the preview says: one that is started is not moved by a plan for one that is down", () => {
    const plan = saidOf(isDown, { step: { title: "Copy the last changes", at: 2 } });
    expect(plan.domains.flatMap(({ nodes }) => stepsOf(nodes)).map(({ kind }) => kind)).toContain("commit-offline");
    expect(complaints(plan)).toEqual(["warning[run-ended-first]"]);
    const [said] = plan.diagnostics;
    expect(said?.summary).toContain("taken back before any of the steps shown, and may start web1");
    expect(said?.detail).toMatch(/stopped at: Copy the last changes\n.*web1 is started again.*\nweb1 is down now/s);
    expect(said?.fix).toContain("converge resume dom0a web1");
  });

  test("or finish it on its new disks, where its commit was begun", () => {
    const { model } = upTo("unpause", stepsFor({ strategy: "rsync", source: "delete" }));
    const commits = [{ domain: "web1", run: "one", at: 2, volumes: [VOLUME] }];
    const finishing = (committing: "running" | "offline") =>
      planHost({ ...down(model.host), commits, runs: [{ ...RUN, committing, committedAt: 2 }] }, WISH({ source: "delete" }), sha256);
    expect(complaints(finishing("running"))).toEqual(["warning[run-ended-first]"]);
    expect(finishing("running").diagnostics[0]?.summary).toContain("finished before any of the steps shown");
    // on purpose, and it stays so
    expect(complaints(finishing("offline"))).toEqual(["note[run-ended-first]"]);
  });

  test("and nothing is said where there is nothing to take back", () => {
    expect(complaints(saidOf(isDown, { untouched: true }))).toEqual([]);
    expect(complaints(saidOf(isDown, { state: "failed", outcome: "failed" }))).toEqual([]);
  });

  const paused = (state: HostState): HostState => {
    const { web1 } = state.domains;
    if (web1?.running === undefined) throw new Error("not running");
    return { ...state, domains: { ...state.domains, web1: { ...web1, running: { ...web1.running, paused: true } } } };
  };

  test("one that has ended may have left it down, too", () => {
    const left = saidOf(isDown, { state: "failed", outcome: "failed", unfinished: "shut-down: xl create failed" });
    expect(complaints(left)).toEqual(["warning[run-ended-first]"]);
    expect(left.diagnostics[0]?.detail).toMatch(/xl create failed\nWhat it left is taken back.*; web1 is started again if that run has left it down/s);
  });

  test("and where the guest is up it is noted: commands run that no step shows", () => {
    const runs = saidOf(HOST, {});
    expect(complaints(runs)).toEqual(["note[run-ended-first]"]);
    expect(runs.diagnostics[0]?.summary).not.toContain("may start");
    expect(runs.diagnostics[0]?.detail).not.toContain("paused");
    expect(saidOf(paused(HOST), {}).diagnostics.find(({ code }) => code === "run-ended-first")?.detail).toContain("web1 is paused. If that run has paused it, it goes on.");
  });
});

describe("a copy that was begun, and that somebody lets the config name", () => {
  const steps = stepsFor({ strategy: "rsync", source: "delete" });
  const copying = upTo("copy-files", steps);
  const back = recover(copying.started, "web1", copying.model);
  const named = withConfigText(down(back.host), (text) => text.replace(`file:${IMAGE}`, `phy:/dev/${VOLUME}`));

  test.each([
    ["nobody has ever been on it", []],
    ["the guest has left it since", [
      { domain: "web1", run: "two", at: 3, volumes: [VOLUME], returns: true as const }, { domain: "web1", run: "one", at: 2, volumes: [VOLUME] },
    ]],
    ["another disk was moved", [{ domain: "web1", run: "one", at: 2, volumes: ["vg0/web1-xvdb"] }]],
  ])("is not taken for its disk: %s", (_, commits) => {
    const state = { ...named, commits };
    expect(complaints(planHost(state, WISH({ source: "delete" }), sha256))).toEqual(["error[copy-not-committed]"]);
    expect(kindsOf(state, { source: "delete" })).toEqual([]);
  });

  test("is not to be left for the image, where the guest runs on it", () => {
    const guest = guestOf(named);
    const running = guestOf(back.host).running;
    if (running === undefined) throw new Error("no guest");
    const attached = running.attached.map((disk) => ({ ...disk, params: `/dev/${VOLUME}` }));
    const [said] = planHost({ ...named, commits: [], domains: { web1: { ...guest, running: { ...running, attached } } } }, WISH({ source: "delete" }), sha256).diagnostics;
    expect(said?.code).toBe("copy-not-committed");
    expect(said?.fix).not.toContain("config name");
  });

  test("may be its disk, where another version of converge has not written down what its run was about: nobody is told to leave it", () => {
    const commits = [
      { domain: "web1", run: "two", at: 3, volumes: [], unsaid: true as const }, { domain: "web1", run: "one", at: 2, volumes: [VOLUME] },
    ];
    const plans = [
      planHost({ ...named, commits }, WISH({ source: "delete" }), sha256), plannedBack({ ...named, commits }), plannedBack({ ...named, commits }, { carryBack: "auto" }),
    ];
    for (const plan of plans) {
      expect(complaints(plan)).toEqual(["error[copy-not-committed]"]);
      expect(plan.domains).toEqual([]);
      const [said] = plan.diagnostics;
      expect(said?.detail).toContain("the books of the run two");
      expect(said?.fix).toMatch(/^Look whether all is there/);
    }
  });

  test("is not carried back over the image, which is the only whole one", () => {
    for (const carryBack of [undefined, "auto", "files", "blocks"] as const) {
      const plan = plannedBack({ ...named, commits: [] }, carryBack === undefined ? {} : { carryBack });
      expect(complaints(plan)).toEqual(["error[copy-not-committed]"]);
      expect(plan.domains).toEqual([]);
    }
    const known = [{ domain: "web1", run: "one", at: 2, volumes: [VOLUME] }];
    expect(complaints(plannedBack({ ...named, commits: known }, { carryBack: "auto" }))).toEqual([]);
  });

  test("is its disk, where the books know it by the name of its folder only", () => {
    const other = aHost([{ name: "web_1", disks: { xvda1: {} } }]);
    const planned = planHost(other, [aWish("web_1", ["xvda1"])], sha256).domains[0];
    const ran = simulate(planned?.nodes ?? [], startModel(other));
    if (!ran.ok) throw new Error(ran.why);
    const { host } = asWritten(ran.end);
    const volumes = Object.fromEntries(Object.entries(host.volumes).map(([name, one]) =>
      [name, { ...one, tags: one.tags.map((tag) => (tag === "converge.role=disk" ? "converge.role=copy" : tag)) }]));
    const plan = planHost({ ...host, volumes, commits: [{ domain: "web_5f1", run: "one", at: 2, volumes: ["vg0/web_1-xvda1"] }] }, [aWish("web_1", ["xvda1"])], sha256);
    expect(complaints(plan)).toEqual([]);
    expect(plan.domains[0]?.changes.map(({ change }) => change)).toEqual(["finish-move"]);
  });
});

describe("an image that a later run is to give up", () => {
  const moved = movedHost({ source: "keep" }, { disks: { xvda1: {} } });
  const volume = moved.volumes[VOLUME];
  if (volume === undefined) throw new Error("not moved");
  const stuck: HostState = {
    ...moved, volumes: { ...moved.volumes, [VOLUME]: { ...volume, tags: volume.tags.map((tag) => (tag === "converge.role=disk" ? "converge.role=copy" : tag)) } },
  };

  test.each(["delete", "retire"] as const)("is given up, where nothing speaks against it: %s", (source) => {
    expect(kindsOf(stuck, { source })).toContain(`${source}-image`);
  });

  test.each(["delete", "retire"] as const)("is not taken from another guest that has it by now: %s", (source) => {
    const other = guestOf(down(aHost([{ name: "web2", disks: { xvda1: {} } }]), "web2"), "web2");
    const [disk] = other.config?.disks ?? [];
    if (other.config === undefined || disk === undefined) throw new Error("no guest");
    const web2 = { ...other, config: { ...other.config, disks: [{ ...disk, target: IMAGE }] } };
    expect(complaints(planHost({ ...stuck, domains: { ...stuck.domains, web2 } }, WISH({ source }), sha256))).toEqual(["error[image-shared]"]);
  });

  test.each(["rsync", "dm"] as const)("is looked at once more right before it goes, where another disk is moved first by %s, which takes its time", (strategy) => {
    const two = aHost([{ name: "web1", disks: { xvda1: {}, xvda2: {} } }]);
    const both = planHost(two, [aWish("web1", ["xvda1"], { source: "keep" })], sha256).domains[0];
    const ran = simulate(both?.nodes ?? [], startModel(two));
    if (!ran.ok) throw new Error(ran.why);
    const left = asWritten(ran.end).host;
    const found = left.volumes[VOLUME];
    if (found === undefined) throw new Error("not moved");
    const state = {
      ...left, commits: [{ domain: "web1", run: "one", at: 2, volumes: [VOLUME] }],
      volumes: { ...left.volumes, [VOLUME]: { ...found, tags: found.tags.map((tag) => (tag === "converge.role=disk" ? "converge.role=copy" : tag)) } },
    };
    const plan = planHost(state, [aWish("web1", ["xvda1", "xvda2"], { strategy, source: "delete" })], sha256);
    expect(complaints(plan).filter((one) => one.startsWith("error"))).toEqual([]);
    const [old, own] = [IMAGE, "/srv/xen/web1/xvda2.img"].map((path) =>
      stepsOf(plan.domains[0]?.nodes ?? []).find(({ kind, args }) => kind === "delete-image" && (args as { path: string }).path === path));
    const { inode, devno } = imageOf(state);
    expect(old?.args).toEqual({ path: IMAGE, looked: { domain: "web1", inode, devno } });
    expect(own?.args).toEqual({ path: "/srv/xen/web1/xvda2.img" });
    expect(plan.domains[0]?.bindings.find(({ what }) => what === `image ${IMAGE}`)?.is).toEqual({ inode, devno });
  });

  const clone = (disk: { backed: boolean; layers?: Layers }, qemu?: readonly string[]): HostState => {
    const { domains, images } = aHost([{ name: "clone1", disks: { xvda1: {} }, running: qemu !== undefined }]);
    const { clone1 } = domains;
    const found = images["/srv/xen/clone1/xvda1.img"];
    if (clone1?.config === undefined || found === undefined) throw new Error("no guest");
    const { config, running } = clone1;
    const nodes = (qemu ?? []).map((path, at) => ({ node: `#block${String(at)}`, path, driver: "qcow2", bytes: 64 * MIB }));
    return {
      ...stuck, images: { ...stuck.images, [found.path]: { ...found, inode: 5511, format: "qcow2", disk: { bytes: 64 * MIB, encrypted: false, ...disk } } },
      domains: { ...stuck.domains, clone1: {
        ...clone1, config: { ...config, disks: config.disks.map((one) => ({ ...one, format: "qcow2" })) },
        ...(running === undefined ? {} : { running: { ...running, qemu: { jobs: [], nodes } } }),
      } },
    };
  };

  test.each(["delete", "retire"] as const)("is not taken from below a clone that is down, or does not say over what it is laid: %s", (source) => {
    for (const state of [clone({ backed: true }), clone({ backed: true }, [])]) {
      const plan = planHost(state, WISH({ source }), sha256);
      expect(complaints(plan)).toEqual(["error[image-laid-over]"]);
      expect(plan.diagnostics[0]?.detail).toContain("a disk of clone1");
      expect(plan.domains).toEqual([]);
      expect(complaints(planHost(state, WISH({ source: "keep" }), sha256))).toEqual([]);
    }
    expect(complaints(planHost(clone({ backed: true }, ["/srv/xen/clone1/xvda1.img", IMAGE]), WISH({ source }), sha256))).toEqual(["error[image-shared]"]);
    for (const state of [clone({ backed: false }), clone({ backed: true }, ["/srv/xen/clone1/xvda1.img", "/srv/base.img"])]) {
      expect(kindsOf(state, { source })).toContain(`${source}-image`);
    }
  });

  test.each(["delete", "retire"] as const)("is taken where the head of each clone that is down says that it is laid over other files: %s", (source) => {
    const { inode, devno } = imageOf(stuck);
    const [other, itself] = [{ path: "/srv/base.img", inode: 7711, devno }, { path: "/srv/other-name.img", inode, devno }];
    for (const layers of [{ files: [other] }, { files: [other, { ...other, devno: "9:9", inode }] }]) {
      const plan = planHost(clone({ backed: true, layers }), WISH({ source }), sha256);
      expect(complaints(plan)).toEqual([]);
      expect(kindsOf(clone({ backed: true, layers }), { source })).toContain(`${source}-image`);
    }
    for (const [layers, detail] of [
      [{ files: [other, itself] }, "/srv/xen/clone1/xvda1.img, a disk of clone1, is laid over /srv/other-name.img"],
      [{ files: [other], untold: "a name that is no file's" }, "may lie in another file, and nobody knows in which: the heads lead to a name that is no file's; once"],
      // a loop device, a mapping: anything may lie below
      [{ files: [{ ...other, rdevno: "7:0" }] }, "the heads lead to /srv/base.img; once"],
    ] as const) {
      const plan = planHost(clone({ backed: true, layers }), WISH({ source }), sha256);
      expect(complaints(plan)).toEqual(["error[image-laid-over]"]);
      expect(plan.diagnostics[0]?.detail).toContain(detail);
    }
    // its QEMU has all open, and calls it by another name than anybody here
    const aliased = clone({ backed: true, layers: { files: [itself] } }, ["/srv/xen/clone1/xvda1.img", "/srv/xen/clone1/../other-name.img"]);
    expect(complaints(planHost(aliased, WISH({ source }), sha256)), "of a clone that runs").toEqual(["error[image-shared]"]);
    // one file system by two mounts of NFS; each subvolume of btrfs has such a number as well, and inodes of its own
    for (const [type, said] of [["nfs4", true], ["btrfs", false]] as const) {
      const mounts = ["0:50", "0:51"].map((devno) => ({ target: `/srv/${devno}`, source: "x", type, options: "rw", devno, root: "/" }));
      const other = withImage(clone({ backed: true, layers: { files: [{ ...itself, devno: "0:51" }] } }), { ...imageOf(stuck), devno: "0:50" });
      expect(complaints(planHost({ ...other, mounts }, WISH({ source }), sha256)).includes("error[image-laid-over]"), type).toBe(said);
    }
    // what a QEMU has been told meanwhile stands in no head
    expect(complaints(planHost(clone({ backed: true, layers: { files: [other] } }, []), WISH({ source }), sha256))).toEqual(["error[image-laid-over]"]);
    const volume = Object.values(stuck.volumes).find(({ devno: number }) => number !== undefined);
    const onVolume = clone({ backed: true, layers: { files: [{ ...other, rdevno: volume?.devno ?? "" }] } });
    expect(complaints(planHost(onVolume, WISH({ source }), sha256)), "a volume that is known is no image").toEqual([]);
  });

  test("is not taken from below a clone that lies on a device, a volume say", () => {
    const { inode, devno } = imageOf(stuck);
    const onDevice = (format: string, layers?: Layers): HostState => {
      const state = clone({ backed: false });
      const { clone1 } = state.domains;
      if (clone1?.config === undefined) throw new Error("no guest");
      const disks = clone1.config.disks.map((disk) => ({ ...disk, format, target: "vg1/clone1" }));
      return {
        ...state, domains: { ...state.domains, clone1: { ...clone1, config: { ...clone1.config, disks } } },
        devices: { "/dev/vg1/clone1": { path: "/dev/vg1/clone1", realPath: "/dev/dm-9", devno: "253:9", bytes: MIB, content: { type: "unknown" }, holders: [],
          format: "qcow2", disk: { bytes: MIB, backed: true, encrypted: false, ...(layers === undefined ? {} : { layers }) } } },
      };
    };
    const base = { path: "/srv/base.img", inode, devno };
    for (const [state, expected] of [
      [onDevice("qcow2"), ["error[image-laid-over]"]], [onDevice("qcow2", { files: [base] }), ["error[image-laid-over]"]],
      [onDevice("qcow2", { files: [{ ...base, inode: 7711 }] }), []],
      // what is served raw is not looked into
      [onDevice("raw"), []],
    ] as const) expect(complaints(planHost(state, WISH({ source: "delete" }), sha256))).toEqual(expected);
  });

  test("is not the one of another file system that has come under its name", () => {
    const state = withImage(stuck, { ...imageOf(stuck), inode: 999, content: ext4("another", 64 * MIB) });
    expect(complaints(planHost(state, WISH({ source: "delete" }), sha256))).toEqual(["error[source-changed]"]);
  });

  test.each([
    ["partitions, which have no UUID", { type: "partitions", table: "dos" }],
    ["what nobody knows", { type: "unknown" }],
    ["the same file system, as a backup of it does", undefined],
  ] as const)("is not another file than the one that its run has moved the guest off: one with %s", (_, content) => {
    const image = { ...imageOf(stuck), ...(content === undefined ? {} : { content }) };
    const found = stuck.volumes[VOLUME];
    if (found === undefined) throw new Error("not moved");
    const state = withImage({
      ...stuck, volumes: { ...stuck.volumes, [VOLUME]: { ...found, content: image.content } },
      commits: [{ domain: "web1", run: "one", at: MOVED_AT, volumes: [VOLUME], images: [{ path: IMAGE, inode: image.inode }] }],
    }, image);
    for (const source of ["delete", "retire"] as const) {
      expect(complaints(planHost(state, WISH({ source }), sha256))).toEqual([]);
      expect(complaints(planHost(withImage(state, { ...image, inode: 4711 }), WISH({ source }), sha256))).toEqual(["error[source-changed]"]);
    }
    expect(complaints(planHost(withImage(state, { ...image, inode: 4711 }), WISH({ source: "keep" }), sha256))).toEqual([]);
  });

  test("does not get a name that something has", () => {
    const path = `${IMAGE}.retired`;
    const taken = { ...imageOf(stuck), path, realPath: path, inode: 999 };
    expect(complaints(planHost(withImage(stuck, taken), WISH({ source: "retire" }), sha256))).toContain("error[retired-name-taken]");
    expect(complaints(planHost(withImage(HOST, taken), WISH({ source: "retire" }), sha256))).toContain("error[retired-name-taken]");
    expect(complaints(planHost(withImage(HOST, taken), WISH({ source: "keep" }), sha256))).not.toContain("error[retired-name-taken]");
  });
});

describe("a volume of another guest that had this name before", () => {
  test.each([
    ["files", [...volumeTags("web1", "xvda1", "copy"), "converge.zeroed"], { strategy: "rsync" }],
    ["blocks", [...volumeTags("web1", "xvda1", "copy"), "converge.filled=blocks"], { strategy: "dm", switch: "restart" }],
    ["all of it", [...volumeTags("web1", "xvda1", "former"), CARRY_DONE], { strategy: "rsync" }],
    ["all of its blocks", [...volumeTags("web1", "xvda1", "former"), CARRY_DONE], { strategy: "dm", switch: "restart" }],
  ] as const)("is not gone on with, where it has %s", (_, tags, move) => {
    const host = withFullImages(aHost([{ name: "web1", disks: { xvda1: { content: ext4("new-guest", 64 * MIB) } } }]));
    const withVolume = (content: ReturnType<typeof ext4>): HostState =>
      ({ ...host, volumes: { ...host.volumes, [VOLUME]: aVolume(VOLUME, 64 * MIB, { devno: "253:7", tags: [...tags], content }) } });
    expect(complaints(planHost(withVolume(ext4("old-guest", 64 * MIB)), WISH(move), sha256))).toContain("error[volume-taken]");
    expect(complaints(planHost(withVolume(ext4("new-guest", 64 * MIB)), WISH(move), sha256))).not.toContain("error[volume-taken]");
  });
});

test("what was retired before is not what a guest goes back to, whose last run has deleted the image that it came from", () => {
  const content = { type: "partitions", table: "dos" } as const;
  const moved = restarted(movedHost({ strategy: "dm", switch: "suspend", source: "retire" }, { disks: { xvda1: { bytes: 64 * MIB, content, full: true } } }));
  const state = withBooks(moved, MOVED_AT + 1, MOVED_AT + 2);
  const { inode } = imageOf(state, `${IMAGE}.retired`);
  const bound = (at: number, found: number): HostState =>
    ({ ...state, commits: [{ domain: "web1", run: "two", at, volumes: [VOLUME], images: [{ path: IMAGE, inode: found }] }] });
  expect(complaints(plannedBack(bound(MOVED_AT, inode), { carryBack: "blocks" }))).toEqual([]);
  expect(complaints(plannedBack(bound(MOVED_AT + 100, 4711), { carryBack: "blocks" }))).toEqual(["error[source-changed]"]);
});

describe("an image without a UUID that was kept", () => {
  const content = { type: "partitions", table: "dos" } as const;
  const state = restarted(movedHost({ strategy: "dm", switch: "suspend", source: "keep" }, { disks: { xvda1: { bytes: 64 * MIB, content, full: true } } }));
  const image = imageOf(state);
  const bound = { ...state, commits: (state.commits ?? []).map((commit) => ({ ...commit, images: [{ path: image.path, inode: image.inode }] })) };

  test("is what its guest goes back to, and no other file of that name", () => {
    expect(complaints(plannedBack(bound, { carryBack: "blocks" }))).not.toContain("error[source-changed]");
    expect(complaints(plannedBack(withImage(bound, { ...image, inode: 4711 }), { carryBack: "blocks" }))).toEqual(["error[source-changed]"]);
  });
});
