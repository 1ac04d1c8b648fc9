import { describe, expect, test } from "vitest";
import type { ImageFormat } from "../../src/core/model/storage.js";
import { MIB } from "../support/a-host.js";
import { complaints, down, ended, guestOf, imageOf, movedHost, plannedBack, restarted, stepIds, withImage } from "../support/a-return.js";

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
