import { describe, expect, test } from "vitest";
import { lvmLooksAt, mdAssembles } from "../../src/core/model/scanning.js";

/** The rules of lvm.conf(5), lvmdevices(8) and mdadm.conf(5). */

const LOOP = { names: ["/dev/loop0", "/dev/disk/by-id/lvm-pv-uuid-0"], known: ["/dev/loop0", "/srv/xen/web1.img"] };

describe("LVM looks at a device", () => {
  test.each<{ patterns: readonly string[]; looks: boolean }>([
    { patterns: ["a|.*|"], looks: true },
    { patterns: ["r|^/dev/loop|"], looks: false },
    { patterns: ["r#^/dev/loop[0-9]+$#"], looks: false },
    { patterns: ["r(^/dev/loop)"], looks: false },
    { patterns: ["r/.*/"], looks: false },
    { patterns: ["a|^/dev/sd|", "r|.*|"], looks: false },
    { patterns: ["a|^/dev/loop0$|", "r|.*|"], looks: true },
    // a link of udev's is another name of it
    { patterns: ["r|^/dev/loop|", "a|.*|"], looks: true },
    { patterns: ["r|^/dev/sd|"], looks: true },
    // not known for a rule that rejects it
    { patterns: ["r|(|"], looks: true },
    { patterns: ["r|((/d|/de|/dev)+)+!|", "r|^/dev/loop|"], looks: true },
  ])("by $patterns: $looks", ({ patterns, looks }) => {
    expect(lvmLooksAt(LOOP, { filters: [patterns], volumes: false })).toBe(looks);
    expect(lvmLooksAt(LOOP, { filters: [["a|.*|"], patterns], volumes: false }), "it has to pass both filters").toBe(looks);
  });

  test("by a devices file only if it stands there", () => {
    expect(lvmLooksAt(LOOP, { filters: [], volumes: false, listed: ["/dev/sda2"] })).toBe(false);
    expect(lvmLooksAt(LOOP, { filters: [["r|.*|"]], volumes: false, listed: ["/srv/xen/web1.img"] })).toBe(true);
  });
});

describe("mdadm assembles", () => {
  test.each<{ auto: readonly string[]; metadata: "0.90" | "1.x"; assembles: boolean }>([
    { auto: [], metadata: "1.x", assembles: true },
    { auto: ["-all"], metadata: "1.x", assembles: false },
    { auto: ["homehost", "-all"], metadata: "0.90", assembles: false },
    { auto: ["+1.x", "-all"], metadata: "1.x", assembles: true },
    { auto: ["+1.x", "-all"], metadata: "0.90", assembles: false },
    { auto: ["-ddf", "homehost", "-1.x", "+all"], metadata: "1.x", assembles: false },
  ])("$metadata by AUTO $auto: $assembles", ({ auto, metadata, assembles }) => {
    expect(mdAssembles(metadata, { auto })).toBe(assembles);
  });
});
