import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import { CARRY_BEGUN, CARRY_DONE } from "../../src/core/model/names.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { ImageFormat } from "../../src/core/model/storage.js";
import { MIB } from "../support/a-host.js";
import {
  complaints, down, ended, guestOf, imageOf, movedHost, plannedBack, restarted, stepIds, VOLUME, volumeOf, withConfigText, withImage, withVolume,
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
