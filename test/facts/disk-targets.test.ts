import { expect, test } from "vitest";
import { fact } from "../../src/core/facts/disk-targets.js";
import { sourceTags, volumeTags } from "../../src/core/model/names.js";
import type { VolumeRole } from "../../src/core/model/names.js";
import { aVolume, MIB } from "../support/a-host.js";

/** No config names them any more: so that what a cut run left can be settled, and a guest can go back. */
test.each<{ role: VolumeRole; asked: boolean }>([{ role: "copy", asked: true }, { role: "disk", asked: true }, { role: "former", asked: true }])(
  "the source of a volume in the role $role is looked at: $asked",
  ({ role, asked }) => {
    const image = "/srv/xen/a guest/disk.img";
    const volume = aVolume("vg0/web1-root", 64 * MIB, { tags: [...volumeTags("web1", "xvda1", role), ...sourceTags(image)] });
    const command: readonly string[] = fact.command({ volumes: { volumes: [{ ...volume, suspended: false }], pvmoves: [] } }) ?? [];
    expect(command.includes(`path:${image}`)).toBe(asked);
  },
);

test("an image that was retired is looked at under the name that it has now, and what somebody else's tag names is not", () => {
  const image = { domain: "web1", vdev: "xvda1", volume: "vg0/web1-root", path: "/srv/xen/a b.img", retired: "/srv/xen/a b.img.retired", at: 1 };
  const volume = aVolume("vg0/other", 64 * MIB, { tags: sourceTags("/srv/xen/other.img") });
  const command: readonly string[] = fact.command({
    books: { retired: [image] }, volumes: { volumes: [{ ...volume, suspended: false }], pvmoves: [] },
  }) ?? [];
  expect(command).toContain(`path:${image.retired}`);
  expect(command).not.toContain("path:/srv/xen/other.img");
});
