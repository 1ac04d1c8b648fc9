import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { Scene } from "./generated.js";
import { runs } from "./times.js";
import { walkOn } from "./walk.js";
import { scenesOf, WAYS } from "./ways.js";

/**
 * A run has left a guest on the device that mirrored its disk. Another one takes it off that, or moves one more disk, and is cut
 * short anywhere: the guest is up, and one that xendomains has saved on the device finds it at boot, though the second run's boot
 * unit has taken the place of the first one's.
 */

const LEFT = ["dm, suspend", "md, suspended twice", "md-preseed, suspended twice", "drbd, suspended twice"] as const;

const up = (name: string) => WAYS.filter((way) => way.name === name).map((way) => ({ ...way, running: true, contents: ["ext4", "swap"] as const }));

function wished({ wishes }: Scene, other: MoveOptions, disks: number): Scene["wishes"] {
  return wishes.map((wish) => ({
    ...wish, move: { ...wish.move, ...other }, disks: wish.disks.slice(0, disks).map((disk) => ({ ...disk, move: { ...disk.move, ...other } })),
  }));
}

describe("a guest that was left on its mirror's device, and whose second run is cut short anywhere,", () => {
  test.each(LEFT.flatMap((name) => (["suspend", "restart"] as const).map((how) => ({ name, how }))))("loses nothing and is up, left by '$name', taken off it by $how", ({ name, how }) => {
    const ways = up(name);
    expect(ways).toHaveLength(1);
    fc.assert(fc.property(scenesOf(ways, 1), (scene) => {
      const deferred = wished(scene, { finish: "deferred" }, 1);
      walkOn({ ...scene, wishes: deferred }, wished(scene, { finish: "now", switch: how }, 1));
    }), runs(2));
  });

  test.each(LEFT)("loses nothing and is up, left by '%s', one more disk moved", (name) => {
    const ways = up(name).map((way) => ({ ...way, moved: ["xvda1", "xvdb"] }));
    fc.assert(fc.property(scenesOf(ways, 1), (scene) => {
      const one = { ...scene, wishes: wished(scene, { finish: "deferred" }, 1) };
      walkOn(one, wished(scene, { strategy: "rsync", switch: "restart" }, 2));
    }), runs(2));
  });
});
