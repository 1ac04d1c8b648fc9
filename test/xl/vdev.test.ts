import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalVdev, sameVdev, vdevOfNumber, virtualDeviceNumber } from "../../src/core/xl/vdev.js";

/** xen-vbd-interface(7) */
const NUMBERS: readonly (readonly [vdev: string, number: number | undefined, name: string])[] = [
  ["xvda", 51712, "xvda"],
  ["xvda1", 51713, "xvda1"],
  ["xvdb", 51728, "xvdb"],
  ["xvdp15", 51967, "xvdp15"],
  ["xvdq", (1 << 28) | (16 << 8), "xvdq"],
  ["xvda16", (1 << 28) | 16, "xvda16"],
  ["d536p37", (1 << 28) | (536 << 8) | 37, "xvdtq37"],
  ["d0p1", 51713, "xvda1"],
  ["51713", 51713, "xvda1"],
  ["0xca01", 51713, "xvda1"],
  ["0145001", 51713, "xvda1"],
  ["hda", 768, "hda"],
  ["hdb1", 833, "hdb1"],
  ["hdc", 5632, "hdc"],
  ["hdd2", 5698, "hdd2"],
  ["hde", undefined, "hde"],
  ["sda", 2048, "sda"],
  ["sdb3", 2067, "sdb3"],
  ["sda16", undefined, "sda16"],
  ["xvda01", undefined, "xvda01"],
  ["xvda256", undefined, "xvda256"],
  ["xvd", undefined, "xvd"],
  ["d0", undefined, "d0"],
  ["", undefined, ""],
  ["foo", undefined, "foo"],
  ["4294967296", undefined, "4294967296"],
];

describe("virtual devices", () => {
  it.each(NUMBERS)("%s is %s, %s", (vdev, number, name) => {
    expect(virtualDeviceNumber(vdev)).toBe(number);
    expect(canonicalVdev(vdev)).toBe(name);
  });

  it("are the same under different names", () => {
    expect(sameVdev("xvda1", "d0p1")).toBe(true);
    expect(sameVdev("xvda1", "xvda")).toBe(false);
    expect(sameVdev("hda", "xvda")).toBe(false);
    expect(sameVdev("strange", "strange")).toBe(true);
    expect(sameVdev("strange", "other")).toBe(false);
  });

  it("have names that lead back to their numbers", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 20 - 1 }),
        fc.integer({ min: 0, max: 255 }),
        (disk, part) => {
          const number = virtualDeviceNumber(`d${disk}p${part}`);
          const name = vdevOfNumber(number ?? -1);
          expect(virtualDeviceNumber(name ?? "")).toBe(number);
        },
      ),
    );
  });
});
