import { expect, test } from "vitest";
import { fact } from "../../src/core/facts/disk-targets.js";
import { sourceTags, volumeTags } from "../../src/core/model/names.js";
import type { VolumeRole } from "../../src/core/model/names.js";
import { aVolume, MIB } from "../support/a-host.js";

/** A copy whose source no config names any more is asked for, so that what a cut run left can be settled. */
test.each<{ role: VolumeRole; asked: boolean }>([{ role: "copy", asked: true }, { role: "disk", asked: false }])(
  "the source of a volume in the role $role is looked at: $asked",
  ({ role, asked }) => {
    const image = "/srv/xen/a guest/disk.img";
    const volume = aVolume("vg0/web1-root", 64 * MIB, { tags: [...volumeTags("web1", "xvda1", role), ...sourceTags(image)] });
    const command: readonly string[] = fact.command({ volumes: { volumes: [{ ...volume, suspended: false }], pvmoves: [] } }) ?? [];
    expect(command.includes(`path:${image}`)).toBe(asked);
  },
);
