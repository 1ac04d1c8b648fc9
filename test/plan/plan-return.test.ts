import { describe, expect, test } from "vitest";
import type { ReturnWish } from "../../src/core/diff/diff-return.js";
import type { Domain } from "../../src/core/model/domain.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { MoveOptions } from "../../src/core/model/desired.js";
import { CARRY_BEGUN, CARRY_DONE, formatTag } from "../../src/core/model/names.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { HostPlan } from "../../src/core/model/plan.js";
import type { ExtContent, ImageFormat, Layers } from "../../src/core/model/storage.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { recover } from "../../src/core/plan/recover.js";
import { simulate, simulateStep, startModel } from "../../src/core/plan/simulate.js";
import type { CopyFiles } from "../../src/core/steps/copy-files.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import { aHost, aVolume, aWish, ext4, GIB, MIB, sha256 } from "../support/a-host.js";
import { withBooks } from "../support/a-leftover.js";
import {
  complaints, down, ended, guestOf, IMAGE, imageOf, MOVED_AT, movedHost, plannedBack, restarted, stepIds, VOLUME, volumeOf, withConfigText,
  withGuest, withImage, withVolume,
} from "../support/a-return.js";

/** The way back of one guest, from hosts that are odd in one thing each. */

describe("an image of a format of its own", () => {
  const inFormat = (format: ImageFormat) => restarted(movedHost(
    { strategy: "qemu" }, { qdisk: true, disks: { xvda: { bytes: 512 * MIB, format, content: { type: "unknown" } } } },
  ));

  test.each(["qcow2", "vhd"] as const)("is gone back to as %s: as a raw disk the first write would destroy it", (format) => {
    for (const state of [inFormat(format), down(inFormat(format))]) {
      const plan = plannedBack(state);
      expect(complaints(plan)).toEqual(["warning[writes-given-up]"]);
      const [domain] = plan.domains;
      expect(domain?.configDiff?.diff).toContain(`+disk = [ 'format=${format},vdev=xvda,access=w,backendtype=qdisk,target=/srv/xen/web1/xvda.img' ]`);
      const after = guestOf(ended(domain?.nodes ?? [], state)).config;
      expect(after?.disks).toEqual([{ vdev: "xvda", target: "/srv/xen/web1/xvda.img", format, access: "w", cdrom: false, backendtype: "qdisk" }]);
      expect(after?.text.text).toContain(`format=${format},`);
    }
  });

  test("takes nothing that was written since, by whatever way: the guest is not taken down for it", () => {
    for (const carryBack of ["auto", "files", "blocks"] as const) {
      const plan = plannedBack(inFormat("qcow2"), { carryBack });
      expect(complaints(plan)).toEqual(["error[can-not-carry-back]"]);
      expect(plan.diagnostics[0]?.fix).not.toContain("--carry-back=blocks");
      expect(stepIds(plan)).toEqual([]);
    }
  });

  test("is nothing that the guest came from, where no move takes a guest from such", () => {
    const state = inFormat("qcow2");
    const image = imageOf(state, "/srv/xen/web1/xvda.img");
    for (const odd of [
      { ...image, format: "vhdx" as const },
      // who could write to a raw disk could write this head there, and read any file of Dom0's by it
      { ...image, disk: { bytes: 512 * MIB, backed: true, encrypted: false } },
    ]) {
      expect(complaints(plannedBack(withImage(state, odd)))).toEqual(["error[source-changed]"]);
    }
  });
});

describe("a guest that writes the head of another format over its raw disk", () => {
  const READS_DOM0 = { format: "qcow2" as const, disk: { bytes: GIB, backed: true, encrypted: false }, content: { type: "unknown", hint: "qcow2 image" } as const };
  const heads = [READS_DOM0, { ...READS_DOM0, disk: { ...READS_DOM0.disk, backed: false } }, { ...READS_DOM0, format: "vhd" as const }];
  const withHead = (state: HostState, head: typeof heads[number], path = "/srv/xen/web1/xvda.img"): HostState => withImage(state, { ...imageOf(state, path), ...head });
  const raw = { xvda: { bytes: 512 * MIB, full: true as const } };
  const without = (state: HostState, tag: RegExp): HostState => {
    const volume = volumeOf(state, "vg0/web1-xvda");
    return withVolume(state, { ...volume, tags: volume.tags.filter((one) => !tag.test(one)) });
  };

  test.each([
    ["rsync", false], ["rsync", true], ["dm", false], ["dm", true], ["md-preseed", true], ["qemu", true],
  ] as const)("comes back on a raw disk after a move by %s (QEMU serves it: %s), and QEMU looks for nothing in it", (strategy, qdisk) => {
    const move: MoveOptions = { strategy, ...(strategy === "dm" || strategy === "md-preseed" ? { switch: "suspend", finish: "deferred" } : {}) };
    const moved = restarted(movedHost(move, { qdisk, disks: raw }));
    for (const head of heads) {
      const state = withHead(moved, head);
      for (const wish of [{}, { carryBack: "blocks" as const }]) {
        const plan = plannedBack(state, wish);
        expect(complaints(plan).filter((complaint) => complaint.startsWith("error"))).toEqual([]);
        const after = guestOf(ended(plan.domains[0]?.nodes ?? [], state)).config;
        expect(after?.disks.map(({ format }) => format)).toEqual(["raw"]);
        expect(after?.text.text).not.toMatch(/qcow2|vhd/);
      }
    }
  });

  test("stays where it is, if an older move has not said what it was: nothing is guessed from what it has written", () => {
    for (const qdisk of [true, false]) {
      const state = without(restarted(movedHost({ strategy: "dm", switch: "suspend" }, { qdisk, disks: raw })), /^converge\.format=/);
      expect(complaints(plannedBack(state)), "a raw head is nothing that could be guessed wrongly").toEqual(["warning[writes-given-up]"]);
      for (const head of heads) {
        const plan = plannedBack(withHead(state, head));
        expect(complaints(plan)).toEqual(["error[source-format]"]);
        expect(plan.diagnostics[0]?.fix).toContain("lvchange --addtag converge.format=raw vg0/web1-xvda");
        const told = withVolume(state, { ...volumeOf(state, "vg0/web1-xvda"), tags: [...volumeOf(state, "vg0/web1-xvda").tags, formatTag("raw")] });
        expect(complaints(plannedBack(withHead(told, head)))).toEqual(["warning[writes-given-up]"]);
      }
    }
  });

  test("can not have it called a format by two tags that contradict each other", () => {
    const state = movedHost({ strategy: "qemu" }, { qdisk: true, disks: raw });
    const volume = volumeOf(state, "vg0/web1-xvda");
    const both = withVolume(state, { ...volume, tags: [...volume.tags, formatTag("qcow2")] });
    expect(complaints(plannedBack(withHead(restarted(both), READS_DOM0)))).toEqual(["error[source-format]"]);
  });
});

test("a fixed VHD, whose head is the guest's own, comes back as a VHD: its end is no part of the disk", () => {
  const state = aHost([{ name: "web1", qdisk: true, disks: { xvda: { bytes: 512 * MIB, format: "vhd", content: { type: "unknown" } } } }]);
  const fixed = withImage(state, { ...imageOf(state, "/srv/xen/web1/xvda.img"), format: "raw" });
  const { domains: [plan] } = planHost(fixed, [aWish("web1", ["xvda"], { strategy: "qemu" })], sha256);
  const end = ended(plan?.nodes ?? [], fixed);
  expect(volumeOf(end, "vg0/web1-xvda").tags).toContain(formatTag("vhd"));
  const back = plannedBack(restarted(end));
  expect(guestOf(ended(back.domains[0]?.nodes ?? [], restarted(end))).config?.disks).toMatchObject([{ format: "vhd" }]);
});


describe.each(["converge-web1-xvda1", "md/converge-web1-xvda1", "drbd/converge-web1-xvda1"])("%s, which the guest was on and nobody is any more,", (name) => {
  /** Made at an orderly reboot of Dom0 for the guest that was saved on it; it was shut down since, and started from its config. */
  const idle = (state: HostState): HostState =>
    ({ ...state, mappings: [{ name, bytes: 512 * MIB, open: false, table: { kind: "linear", on: VOLUME } }] });

  test.each([
    { how: "running", of: restarted }, { how: "down", of: down },
  ])("goes before anything is done with the volume that it holds: a guest that is $how", ({ of }) => {
    for (const wish of [{ carryBack: "files" as const }, { removeVolume: true }]) {
      const state = idle(of(movedHost()));
      const plan = plannedBack(state, wish);
      const steps = stepsOf(plan.domains[0]?.nodes ?? []);
      const retires = steps.findIndex(({ args }) => (args as { readonly name?: string }).name === name);
      const needs = steps.findIndex(({ kind }) => kind === "mount-volume" || kind === "remove-volume");
      expect([retires >= 0, needs > retires], stepIds(plan).join(" ")).toEqual([true, true]);
      expect(ended(plan.domains[0]?.nodes ?? [], state).mappings).toEqual([]);
    }
  });

  test("stays where it lies on another volume", () => {
    const state = restarted(movedHost());
    const plan = plannedBack({ ...state, mappings: [{ name, bytes: 512 * MIB, open: false, table: { kind: "linear", on: "vg0/other" } }] }, { carryBack: "files" });
    expect(stepIds(plan).filter((id) => id.includes("retire"))).toEqual([]);
  });
});

describe("a config that names the image already, while the volume is marked as the disk", () => {
  /** Somebody has put the old disk line back by hand. */
  const byHand = (state: HostState): HostState =>
    withConfigText(state, (text) => text.replaceAll(/phy:\/dev\/vg0\/web1-(xvda\d)/g, "file:/srv/xen/web1/$1.img"));

  test("is no reason to destroy what was written since: it can not be carried back any more, and that is said", () => {
    for (const removeVolume of [true, false]) {
      const plan = plannedBack(byHand(down(movedHost())), { carryBack: "auto", removeVolume });
      expect(complaints(plan)).toEqual(["error[can-not-carry-back]"]);
      expect(plan.diagnostics[0]?.summary).toContain("any more");
      expect(plan.domains).toEqual([]);
    }
  });

  test("where nothing is carried, says what is destroyed with the volume", () => {
    const state = byHand(down(movedHost()));
    const plan = plannedBack(state, { removeVolume: true });
    expect(complaints(plan)).toEqual(["warning[writes-given-up]"]);
    expect(plan.diagnostics[0]).toMatchObject({ subject: { vdev: "xvda1" }, detail: expect.stringContaining(`destroyed with ${VOLUME}`) as string });
    expect(complaints(plannedBack(state))).toEqual([]);
    const carried = withVolume(state, { ...volumeOf(state), tags: [...volumeOf(state).tags, CARRY_DONE] });
    expect(complaints(plannedBack(carried, { removeVolume: true, carryBack: "auto" }))).toEqual([]);
  });

  test("is looked at again before the volume is touched, and so is that nobody is on it", () => {
    const plan = plannedBack(byHand(down(movedHost())), { removeVolume: true });
    expect(stepIds(plan)).toEqual(["guard", "xvda1.remove-volume", "xvda2.remove-volume", "tidy"]);
    const [guard] = plan.domains.flatMap(({ nodes }) => stepsOf(nodes));
    expect(guard?.args).toMatchObject({ volumes: [{ volume: VOLUME }, { volume: "vg0/web1-xvda2" }] });
  });

  test("settles nothing while the guest runs on the volume", () => {
    for (const more of [{}, { carryBack: "auto" as const }, { removeVolume: true }]) {
      expect(complaints(plannedBack(byHand(movedHost()), more))).toEqual(["error[volume-in-use]", "error[volume-in-use]"]);
    }
  });

  test("and an image that is half carried is never settled for", () => {
    const state = byHand(down(movedHost()));
    const half = withVolume(state, { ...volumeOf(state), tags: [...volumeOf(state).tags, CARRY_BEGUN] });
    for (const more of [{}, { carryBack: "auto" as const }]) expect(complaints(plannedBack(half, more))).toEqual(["error[image-half-carried]"]);
  });
});

test("a file system with more in it than files is carried back by blocks, and not by files", () => {
  const content = { ...(ext4("uuid-1", 64 * MIB) as ExtContent), features: ["has_journal", "quota"] };
  const state = movedHost({ strategy: "dm", switch: "restart" }, { disks: { xvda1: { bytes: 64 * MIB, content } } });
  const back = plannedBack(down(withVolume(state, { ...volumeOf(state, VOLUME), content })), { carryBack: "auto" });
  expect(back.domains.flatMap(({ changes }) => changes)).toMatchObject([{ change: "return-disk", carry: "blocks" }]);
  expect(complaints(plannedBack(withVolume(state, { ...volumeOf(state, VOLUME), content }), { carryBack: "files" }))).toEqual(["error[can-not-carry-back]"]);
});

describe("a disk that was swap when it was moved", () => {
  const data = (state: HostState): HostState =>
    withVolume(state, { ...volumeOf(state, "vg0/web1-xvda2"), content: ext4("data", 64 * MIB) });

  test("and holds files now is carried back like any other, and missed where it is not", () => {
    const state = data(movedHost());
    const carries = (plan: HostPlan): readonly string[] =>
      plan.domains.flatMap(({ changes }) => changes.flatMap((change) => (change.change === "return-disk" ? [`${change.vdev} ${change.carry}`] : [])));
    expect(carries(plannedBack(state, { carryBack: "auto", removeVolume: true }))).toEqual(["xvda1 files", "xvda2 blocks"]);
    const plain = plannedBack(state);
    expect(carries(plain)).toEqual(["xvda1 nothing", "xvda2 nothing"]);
    expect(plain.diagnostics.map(({ subject }) => subject?.vdev)).toEqual(["xvda1", "xvda2"]);
    expect(complaints(plannedBack(state, { carryBack: "files" }))).toEqual(["error[can-not-carry-back]"]);
    expect(carries(plannedBack(movedHost(), { carryBack: "auto" }))).toEqual(["xvda1 files", "xvda2 swap"]);
  });

  test("is not taken for swap once the config names its image again", () => {
    const state = withConfigText(down(data(movedHost())), (text) => text.replaceAll(/phy:\/dev\/vg0\/web1-(xvda\d)/g, "file:/srv/xen/web1/$1.img"));
    expect(complaints(plannedBack(state, { removeVolume: true }))).toEqual(["warning[writes-given-up]", "warning[writes-given-up]"]);
  });
});

describe("after a run that died", () => {
  const cutAfter = (id: string, state: HostState, more: Partial<ReturnWish>) => {
    const steps = plannedBack(state, more).domains.flatMap(({ nodes }) => stepsOf(nodes));
    const started = steps.slice(0, 1 + steps.findIndex((step) => step.id === id));
    expect(started.at(-1)?.id).toBe(id);
    return { started, model: started.reduce((model, step) => simulateStep(step, model).model, startModel(state)) };
  };
  const DEAD = { run: "one", domain: "web1", digest: "d", state: "stopped", owner: "alice@laptop", since: MOVED_AT } as const;

  test("nothing is planned from what it left half-way, but what ends it is said", () => {
    const { model } = cutAfter("edit-config", down(movedHost()), {});
    for (const run of [DEAD, { ...DEAD, state: "failed" as const, outcome: "failed", unfinished: "xvda1.restore-image: it is busy" }]) {
      const plan = plannedBack({ ...model.host, runs: [run] }, { removeVolume: true });
      expect(complaints(plan)).toEqual(["error[run-half-way]"]);
      expect(plan.diagnostics[0]?.fix).toContain("converge resume dom0a web1");
    }
    // one that could not do better has come to its end: going back may be just what is wanted
    expect(plannedBack({ ...movedHost(), runs: [{ ...DEAD, outcome: "stuck" }] }).domains).toHaveLength(1);
  });

  test("before it began anything nothing stands in the way", () => {
    const state = { ...movedHost(), runs: [{ ...DEAD, untouched: true as const }] };
    expect(plannedBack(state, {})).toEqual(plannedBack(movedHost(), {}));
    expect(complaints(plannedBack({ ...state, runs: [DEAD] }, {}))).toEqual(["error[run-half-way]"]);
  });

  test("a guest that is down keeps the config that the run gave it: nothing is removed from under it", () => {
    const more = { removeVolume: true };
    const { started, model } = cutAfter("edit-config", down(movedHost()), more);
    const again = plannedBack(model.host, more);
    const recovered = recover(started, "web1", model);
    expect(guestOf(recovered.host).config?.disks.map(({ target }) => target)).toEqual([IMAGE, IMAGE.replace("xvda1", "xvda2")]);
    const simulated = simulate(again.domains[0]?.nodes ?? [], recovered);
    expect(simulated.ok).toBe(true);
  });

  test("what is planned from an edited config does not go on where the edit was taken back meanwhile", () => {
    const state = down(movedHost());
    const { model } = cutAfter("edit-config", state, {});
    const again = plannedBack(model.host, { removeVolume: true });
    expect(simulate(again.domains[0]?.nodes ?? [], startModel(state))).toMatchObject({ ok: false, step: { id: "guard" } });
  });

  test("a carry that was committed and not switched to is none: what the guest writes on the volume since is alone", () => {
    const { started, model } = cutAfter("commit", down(movedHost()), { carryBack: "auto" });
    const recovered = recover(started, "web1", model).host;
    expect(volumeOf(recovered).tags).toContain(CARRY_DONE);
    const plan = plannedBack(recovered);
    expect(complaints(plan)).toEqual(["warning[writes-given-up]"]);
    expect(volumeOf(ended(plan.domains[0]?.nodes ?? [], recovered)).tags).not.toContain(CARRY_DONE);
  });
});

describe("the image that a disk came from", () => {
  const RETIRED = `${IMAGE}.retired`;
  const retired = (): HostState => withBooks(movedHost({ source: "retire" }), MOVED_AT + 60, MOVED_AT + 120);

  test("was retired, and has been put by another file since, or written to: that is no disk of the guest's", () => {
    expect(complaints(plannedBack(retired()))).toEqual(["warning[writes-given-up]"]);
    const image = imageOf(retired(), RETIRED);
    for (const other of [{ ...image, inode: 4711 }, { ...image, bytes: image.bytes / 2 }, { ...image, mtime: image.mtime + 9 }]) {
      for (const more of [{}, { carryBack: "auto" as const }]) {
        expect(complaints(plannedBack(withImage(retired(), other), more))).toEqual(["error[source-changed]"]);
      }
    }
  });

  test("was retired, and an earlier carry has written to it: it is still that file", () => {
    const state = retired();
    const image = imageOf(state, RETIRED);
    const half = withVolume(state, { ...volumeOf(state), tags: [...volumeOf(state).tags, CARRY_BEGUN] });
    const more = { carryBack: "auto" as const };
    expect(complaints(plannedBack(withImage(half, { ...image, bytes: image.bytes + 4096, mtime: image.mtime + 9 }), more))).toEqual([]);
    expect(complaints(plannedBack(withImage(half, { ...image, inode: 4711 }), more))).toEqual(["error[source-changed]"]);
  });

  test("was only half carried to by blocks: blocks go on, for the file system in it is cut off", () => {
    const state = movedHost();
    const cut = withImage(state, { ...imageOf(state), bytes: 100 * MIB, content: ext4("uuid-web1-xvda1", 512 * MIB) });
    const half = withVolume(cut, { ...volumeOf(cut), tags: [...volumeOf(cut).tags, CARRY_BEGUN] });
    expect(plannedBack(half, { carryBack: "auto" }).domains[0]?.changes[0]).toMatchObject({ carry: "blocks" });
    expect(complaints(plannedBack(half, { carryBack: "files" }))).toEqual(["error[can-not-carry-back]"]);
    const whole = withImage(half, imageOf(state));
    expect(plannedBack(whole, { carryBack: "auto" }).domains[0]?.changes[0]).toMatchObject({ carry: "files" });
  });

  test("is no longer its guest's own once QEMU has gone over to the volume, whatever xenstore says", () => {
    const state = movedHost({ strategy: "qemu" }, { qdisk: true, disks: { xvda1: { bytes: 512 * MIB } } });
    expect(guestOf(state).running?.attached[0]).toMatchObject({ params: IMAGE, open: { path: `/dev/${VOLUME}` } });
    const plan = plannedBack(state);
    expect(complaints(plan)).toEqual(["warning[writes-given-up]"]);
    expect(guestOf(ended(plan.domains[0]?.nodes ?? [], state)).running?.attached[0]?.params).toBe(IMAGE);
    const other = { ...guestOf(restarted(state)), name: "clone" };
    const { config: _config, ...unconfigured } = other;
    if (unconfigured.running === undefined) throw new Error("it does not run");
    const onImage = { ...unconfigured, running: { ...unconfigured.running, attached: guestOf(state).running?.attached ?? [] } };
    expect(complaints(plannedBack(withGuest(state, onImage)))).toEqual(["error[image-shared]"]);
  });

  test("is not gone back to while anybody else has it, be it by a config that is not the guest's first, or as xl has it stored", () => {
    const state = movedHost();
    const disks = [{ vdev: "xvda1", target: IMAGE, format: "raw", access: "w" as const, cdrom: false }];
    const clone: Domain = { name: "clone", otherConfigs: ["/etc/xen/clone-old.cfg"], autostart: false, saved: false };
    expect(complaints(plannedBack(withGuest(state, clone)))).toEqual(["warning[writes-given-up]"]);
    expect(complaints(plannedBack(withGuest(state, { ...clone, otherDisks: disks })))).toEqual(["error[image-shared]"]);
    const { running } = guestOf(state);
    if (running === undefined) throw new Error("it does not run");
    expect(complaints(plannedBack(withGuest(state, { ...clone, running: { ...running, attached: [], stored: disks } })))).toEqual(["error[image-shared]"]);
  });

  test("is not gone back to while the guest itself runs on it, whatever its config says: the volume would be carried over what it writes", () => {
    const state = movedHost();
    const guest = guestOf(state);
    if (guest.running === undefined) throw new Error("it does not run");
    const onImage = { ...guest, running: { ...guest.running, attached: guest.running.attached.map((disk) => ({ ...disk, params: IMAGE })) } };
    const plan = plannedBack(withGuest(state, onImage), { carryBack: "auto" });
    expect(complaints(plan)).toContain("error[image-shared]");
    expect(plan.diagnostics.map(({ detail }) => detail).join()).toContain("web1 itself runs on it");
  });

  test("was kept, and another file system lies under its name: nothing is carried over it", () => {
    const state = movedHost();
    const other = withImage(state, { ...imageOf(state), inode: 9999, content: ext4("quite-another", 512 * MIB) });
    for (const carryBack of ["auto", "files", "blocks"] as const) {
      const plan = plannedBack(other, { carryBack });
      expect(complaints(plan)).toEqual(["error[source-changed]"]);
      expect(plan.diagnostics[0]?.detail).toContain("quite-another");
    }
    // a volume that was given another kind of file system says nothing of the image
    expect(complaints(plannedBack(withVolume(state, { ...volumeOf(state), content: { type: "unknown" } })))).toEqual(["warning[writes-given-up]"]);
  });

  test("is found in the books by its old name, where its volume has got another one", () => {
    const state = retired();
    const { [VOLUME]: volume, ...others } = state.volumes;
    if (volume === undefined) throw new Error("no volume");
    const renamed = withConfigText(
      down({ ...state, volumes: { ...others, "vg0/newname": { ...volume, name: "vg0/newname" } } }), (text) => text.replace(VOLUME, "vg0/newname"));
    const plan = plannedBack(renamed);
    expect(complaints(plan)).toEqual(["warning[writes-given-up]"]);
    expect(plan.domains[0]?.changes[0]).toMatchObject({ volume: { name: "vg0/newname" }, path: IMAGE, retired: { at: RETIRED, path: IMAGE } });
  });

  test("is the one that the last move has kept, not what an earlier one has retired", () => {
    const state = movedHost();
    const old = { domain: "web1", vdev: "xvda1", volume: VOLUME, path: IMAGE, retired: RETIRED } as const;
    const both = withImage(state, { ...imageOf(state), path: RETIRED, realPath: RETIRED, inode: 77 });
    const plan = plannedBack({ ...both, retired: [{ ...old, at: MOVED_AT - 1000 }] });
    expect(complaints(plan)).toEqual(["warning[writes-given-up]"]);
    expect(plan.domains[0]?.changes[0]).toMatchObject({ path: IMAGE, image: { path: IMAGE } });
    expect(complaints(plannedBack({ ...both, retired: [{ ...old, at: MOVED_AT + 10 }] }))).toEqual(["error[source-name-taken]"]);
  });
});

/** With another guest, down, whose disk is laid over nobody knows what. */
function withClone(state: HostState, layers?: Layers): HostState {
  const [guest] = Object.values(down(state).domains);
  const [onVolume] = guest?.config?.disks ?? [];
  if (guest?.config === undefined || onVolume === undefined) throw new Error("no guest");
  const disk = { bytes: 1, backed: true, encrypted: false, ...(layers === undefined ? {} : { layers }) };
  const target = "/srv/xen/clone1.qcow2";
  const clone = { ...guest, name: "clone1", config: { ...guest.config, path: "/etc/xen/clone1.cfg", disks: [{ ...onVolume, target, format: "qcow2" }] } };
  return withImage({ ...state, domains: { ...state.domains, clone1: clone } }, { ...imageOf(state), path: target, realPath: target, inode: 99, format: "qcow2", disk });
}

test("the way back onto an image that a clone may be laid over is warned of: the guest writes to it again", () => {
  const plan = plannedBack(withClone(movedHost()));
  // of each of its disks
  expect(complaints(plan)).toEqual(["warning[writes-given-up]", "warning[image-laid-over]", "warning[image-laid-over]"]);
  expect(plan.domains).toHaveLength(1);
  expect(plan.diagnostics.at(-1)?.detail).toContain("a disk of clone1, may lie in another file");
});

describe("a volume that is to be removed", () => {
  const more = { removeVolume: true };

  const inUse = (state: HostState, by: string): void => {
    const plan = plannedBack(state, more);
    expect(complaints(plan)).toContain("error[volume-in-use]");
    expect(plan.diagnostics.find(({ code }) => code === "volume-in-use")?.detail).toContain(by);
    expect(plan.domains).toEqual([]);
    expect(complaints(plannedBack(state))).toEqual(["warning[writes-given-up]"]);
  };

  test("stays where a clone that is down may be laid over it", () => {
    const plan = plannedBack(withClone(movedHost()), more);
    expect(plan.diagnostics.find(({ code }) => code === "volume-in-use")?.detail).toContain("a disk of clone1, may lie in another file");
    expect(plan.domains).toEqual([]);
  });

  test("goes, or stays, by what the head of such a clone says that it is laid over", () => {
    const state = withVolume(movedHost(), { ...volumeOf(movedHost()), devno: "253:41" });
    const over = (rdevno: string): HostState => withClone(state, { files: [{ path: "/dev/vg0/base", inode: 7, devno: "0:5", rdevno }] });
    expect(plannedBack(over("253:41"), more).diagnostics.find(({ code }) => code === "volume-in-use")?.detail).toContain("a disk of clone1, is laid over /dev/vg0/base");
    const other = withVolume(over("253:77"), aVolume("vg0/base", 100 * MIB, { devno: "253:77" }));
    expect(complaints(plannedBack(other, more)).filter((one) => one.startsWith("error"))).toEqual([]);
    expect(complaints(plannedBack(other))).toEqual(["warning[writes-given-up]"]);
  });

  test("stays where a snapshot would go with it", () => {
    const state = movedHost();
    inUse(withVolume(state, aVolume("vg0/backup", 100 * MIB, { kind: "snapshot", origin: VOLUME, devno: "253:40" })), "vg0/backup is a snapshot of it");
    // a thin one lives on without what it was taken of
    const thin = withVolume(state, aVolume("vg0/backup", 100 * MIB, { kind: "thin", origin: VOLUME, devno: "253:40" }));
    expect(plannedBack(thin, more).domains).toHaveLength(1);
  });

  test("stays where another guest's config names it, or it is mounted, or something lies on it", () => {
    const state = movedHost();
    const { running: _running, ...down } = guestOf(state);
    inUse(withGuest(state, { ...down, name: "clone" }), "guest clone");
    inUse({ ...state, mounts: [...state.mounts, { target: "/mnt", source: `/dev/${VOLUME}`, type: "ext4", options: "ro", devno: "253:41", root: "/" }] }, "mounted on /mnt");
    inUse(withVolume(state, { ...volumeOf(state), holders: ["md7"] }), "device md7 lies on it");
  });

  test("goes where its guest alone has it, running on it", () => {
    const state = movedHost();
    const plan = plannedBack(withVolume(state, { ...volumeOf(state), open: true }), more);
    expect(stepIds(plan)).toContain("xvda1.remove-volume");
  });
});

test("the same way back, asked for while its run is under way, joins that run and wants nothing of what it sees half-way", () => {
  const state = movedHost();
  const more = { carryBack: "auto" as const };
  const [plan] = plannedBack(state, more).domains;
  const run = { run: "one", domain: "web1", digest: plan?.digest ?? "", state: "running", owner: "alice@laptop", since: MOVED_AT } as const;
  const simulated = simulate(plan?.nodes ?? [], startModel(state));
  for (const { model, step } of simulated.moments) {
    const again = plannedBack({ ...model.host, runs: [run] }, more);
    expect(complaints(again), step?.id).toEqual([]);
    expect(again.domains, step?.id).toMatchObject([{ digest: run.digest, nodes: [], joins: { run: "one", owner: "alice@laptop" } }]);
    expect(complaints(plannedBack({ ...model.host, runs: [run] })), step?.id).toEqual(["error[run-under-way]"]);
  }
});

describe("a guest on a volume that is not marked as its disk", () => {
  const told = (state: HostState, domain: string, retag: string): void => {
    const plan = plannedBack(state, { domain });
    expect(complaints(plan)).toEqual(["error[not-its-volume]"]);
    expect(plan.diagnostics[0]?.fix).toContain(`lvchange ${retag} ${VOLUME}`);
  };

  test("since it was renamed, is told so, with the tags: there may be a way back", () => {
    const state = movedHost({}, { disks: { xvda1: {} } });
    const { web1, ...others } = state.domains;
    if (web1 === undefined) throw new Error("no guest");
    const renamed = { ...state, domains: { ...others, web9: { ...web1, name: "web9" } } };
    told(renamed, "web9", "--deltag converge.domain=web1 --addtag converge.domain=web9");
    expect(plannedBack(renamed, { domain: "web9" }).diagnostics[0]?.detail).toContain("converge.domain=web1");
  });

  test("and once it has the tags of its new name, finds the image that was retired under the old one, and no other guest's", () => {
    const moved = withBooks(restarted(movedHost({ source: "retire" }, { disks: { xvda1: {} } })), MOVED_AT + 1, MOVED_AT + 2);
    const { web1, ...others } = moved.domains;
    if (web1 === undefined) throw new Error("no guest");
    const volume = volumeOf(moved);
    const tagged = { ...volume, tags: volume.tags.map((tag) => (tag === "converge.domain=web1" ? "converge.domain=web9" : tag)) };
    const renamed = withVolume({ ...moved, domains: { ...others, web9: { ...web1, name: "web9" } } }, tagged);
    const plan = plannedBack(renamed, { domain: "web9", carryBack: "auto" });
    expect(complaints(plan)).toEqual([]);
    expect(stepIds(plan)).toContain("xvda1.restore-image");
    // a volume of that name that came from another image
    const another = withVolume(renamed, { ...tagged, tags: tagged.tags.map((tag) => (tag.startsWith("converge.from=") ? "converge.from=/srv/xen/web9/xvda1.img" : tag)) });
    expect(complaints(plannedBack(another, { domain: "web9", carryBack: "auto" }))).toEqual(["error[source-gone]"]);
  });

  test("since its config was put back by hand, is told so too; what was carried once is not any more", () => {
    const state = movedHost({}, { disks: { xvda1: {} } });
    const volume = volumeOf(state);
    const former = { ...volume, tags: [...volume.tags.map((tag) => tag.replace("role=disk", "role=former")), CARRY_DONE] };
    told(withVolume(state, former), "web1", "--deltag converge.role=former --deltag converge.carry=done --addtag converge.role=disk");
    // a volume that nobody of converge's has made is no way back, and nothing is said of it
    expect(plannedBack(withVolume(state, { ...volume, tags: [] }))).toMatchObject({ domains: [], diagnostics: [] });
  });
});

test("an older volume of the same disk, still marked as such, is left too, and kept: afterwards nothing is to be done", () => {
  const state = movedHost({}, { disks: { xvda1: { bytes: 512 * MIB } } });
  const both = withVolume(state, { ...volumeOf(state), name: "vg0/old-root", uuid: "old", devno: "253:40" });
  for (const more of [{}, { removeVolume: true }, { carryBack: "auto" as const, removeVolume: true }]) {
    const plan = plannedBack(both, more);
    expect(complaints(plan).filter((one) => one.startsWith("error"))).toEqual([]);
    expect(stepIds(plan)).toContain("xvda1.vg0_2fold-root.settle-former");
    const after = ended(plan.domains[0]?.nodes ?? [], both);
    expect(volumeOf(after, "vg0/old-root").tags).toContain("converge.role=former");
    expect(plannedBack(after, more)).toMatchObject({ domains: [], diagnostics: [] });
  }
  // back by hand already: of the two the last one is as it was asked for, the other one is kept
  const byHand = withConfigText(down(both), (text) => text.replace(`phy:/dev/${VOLUME}`, `file:${IMAGE}`));
  expect(stepIds(plannedBack(byHand, { removeVolume: true }))).toEqual(["guard", "xvda1.remove-volume", "xvda1.vg0_2fold-root.settle-former", "tidy"]);
  const { commits: _commits, ...unknown } = byHand;
  expect(stepIds(plannedBack(unknown, { removeVolume: true }))).not.toContain("xvda1.remove-volume");
});

describe("files that are carried back", () => {
  const carried = (state: HostState, move: ReturnWish["move"] = {}) =>
    plannedBack(state, { carryBack: "files", removeVolume: false, move }).domains.flatMap(({ nodes }) => stepsOf(nodes))
      .filter(({ kind }) => kind === "copy-files").map(({ args }) => args as CopyFiles);
  const moved = (): HostState => movedHost(undefined, { disks: { xvda1: {} } });

  test("are compared where nobody has seen the guest go down, or where it had to be destroyed", () => {
    expect(carried(moved())).toMatchObject([{ compare: "times", takenDown: "web1" }]);
    expect(carried(down(moved()))).toMatchObject([{ compare: "checksum" }]);
    expect(carried(down(moved()))[0]).not.toHaveProperty("takenDown");
  });
});

test.each(["files", "blocks"] as const)("what is carried back by %s is said to take the place of what the image holds", (carryBack) => {
  const steps = plannedBack(movedHost(undefined, { disks: { xvda1: {} } }), { carryBack }).domains.flatMap(({ nodes }) => stepsOf(nodes));
  expect(steps.filter((step) => describeStep(step).risk === "destructive").map(({ id }) => id)).toEqual(["xvda1.carry"]);
  // a copy that is in the making is nobody's
  const move = planHost(aHost([{ name: "web1", disks: { xvda1: {} } }]), [aWish("web1", ["xvda1"], { strategy: "rsync" })], sha256).domains.flatMap(({ nodes }) => stepsOf(nodes));
  expect(move.filter(({ kind }) => kind === "copy-files").map((step) => describeStep(step).risk)).toEqual(["safe", "safe"]);
});

describe("what a way back is forecast to take", () => {
  const moved = (): HostState => movedHost(undefined, { disks: { xvda1: { bytes: GIB } } });
  const RATE = 100 * MIB;
  const past = { domain: "web9", shutdownSeconds: 3, startSeconds: 4, downtimeSeconds: 8 };
  const measured = (state: HostState): HostState => ({
    ...state, history: [{ ...past, strategy: "rsync", bytesPerSecond: RATE / 10 }, { ...past, strategy: "dm", bytesPerSecond: RATE }],
  });
  const estimated = (state: HostState, carryBack?: "files" | "blocks") =>
    plannedBack(state, { ...(carryBack === undefined ? {} : { carryBack }) }).domains[0]?.estimate;
  const partsOf = (estimate: ReturnType<typeof estimated>) => Object.fromEntries(estimate?.parts.map(({ what, seconds }) => [what, seconds]) ?? []);

  test("has the comparison in it, for which the guest is down as well, and goes by what blocks have taken here", () => {
    const estimate = estimated(measured(moved()), "blocks");
    const copied = volumeOf(moved()).bytes / RATE;
    expect(partsOf(estimate)).toEqual({
      "shut down": 3, "carry back by blocks": Math.round(copied * 10) / 10, "comparing image and volume": Math.round(copied * 20) / 10, "start until ready": 4,
    });
    expect(estimate?.downtimeSeconds).toBeCloseTo(7 + 3 * copied, 0);
    expect(estimate?.parts.find(({ what }) => what === "carry back by blocks")?.how).not.toContain("at most");
  });

  test("has each file read on both sides, where an earlier carry was cut off", () => {
    const state = moved();
    const volume = volumeOf(state);
    expect(Object.keys(partsOf(estimated(state, "files")))).toEqual(["shut down", "carry back", "start until ready"]);
    const half = withVolume(state, { ...volume, tags: [...volume.tags, CARRY_BEGUN] });
    expect(Object.keys(partsOf(estimated(half, "files")))).toEqual(["shut down", "carry back", "comparing the files", "start until ready"]);
  });

  test("is nothing for a guest that is down, whose run takes its time all the same", () => {
    const estimate = estimated(down(measured(moved())), "blocks");
    expect(estimate).toMatchObject({ downtimeSeconds: 0, parts: [] });
    expect(estimate?.seconds).toBeGreaterThan(30);
    expect(estimated(down(measured(moved())))?.seconds).toBe(0);
  });
});
