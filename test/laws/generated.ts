import fc from "fast-check";
import type { DesiredDomain, MoveOptions } from "../../src/core/model/desired.js";
import type { ReturnWish } from "../../src/core/diff/diff-return.js";
import type { Image } from "../../src/core/model/storage.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { aHost, aWish, ext4, MIB, NIGHTS, swap, withFullImages, xfs } from "../support/a-host.js";
import type { ADisk, AGuest } from "../support/a-host.js";

/** A host with guests, and a wish about some of their disks. */
export interface Scene {
  readonly state: HostState;
  readonly wishes: readonly DesiredDomain[];
}

const disk = (vdev: string): fc.Arbitrary<ADisk> =>
  fc.record({ size: fc.integer({ min: 8, max: 64 }), kind: fc.constantFrom("ext4", "xfs", "swap") }).map(({ size, kind }) => ({
    bytes: size * MIB,
    content: { ext4: () => ext4(`root-${vdev}`, size * MIB), xfs: () => xfs(`root-${vdev}`, size * MIB), swap: () => swap(`swap-${vdev}`, size * MIB) }[kind](),
  }));

/** The ways among which hosts made at random are moved. */
export const AT_RANDOM: readonly Pick<MoveOptions, "strategy" | "switch">[] = [
  {}, { strategy: "rsync" }, { strategy: "rsync", switch: "restart" }, { strategy: "dm" }, { strategy: "dm", switch: "auto" },
  { strategy: "dm", switch: "restart" }, { strategy: "dm", switch: "suspend" }, { strategy: "dm", switch: "migrate" },
  { strategy: "qemu" },
  { strategy: "md" }, { strategy: "md", switch: "restart" }, { strategy: "md", switch: "suspend" },
  { strategy: "md-preseed" }, { strategy: "md-preseed", switch: "restart" }, { strategy: "md-preseed", switch: "suspend" },
  { strategy: "drbd" }, { strategy: "drbd", switch: "restart" }, { strategy: "drbd", switch: "suspend" },
];
const ways = fc.constantFrom(...AT_RANDOM);

const others: fc.Arbitrary<MoveOptions> = fc.record(
  {
    finish: fc.constantFrom("now", "window", "deferred"),
    source: fc.constantFrom("keep", "retire", "delete"),
    verify: fc.constantFrom("fresh", "full"),
    offline: fc.boolean(),
    passes: fc.integer({ min: 1, max: 8 }),
    rehearse: fc.boolean(),
    downtimeSeconds: fc.integer({ min: 60, max: 600 }),
  },
  { requiredKeys: [] },
);

const options: fc.Arbitrary<MoveOptions> = fc.tuple(ways, others).map(([way, other]) => possible({ ...way, ...other }));

/** Only a copy of files leaves something to rehearse on: all images lie on LVM here, so that they are copied live. */
export function possible(asked: MoveOptions): MoveOptions {
  const { rehearse, ...rest } = asked;
  const rehearsed = rehearse === true && asked.strategy !== "rsync" ? rest : asked;
  return asked.finish === "window" ? { ...rehearsed, window: NIGHTS } : rehearsed;
}

const format = fc.constantFrom("raw", "qcow2", "vhd");

/** A disk in an image of a format: what lies in one that is not raw is not looked at. */
function inFormat(kind: Image["format"], one: ADisk): ADisk {
  return kind === "raw" ? one : { ...one, format: kind, content: { type: "unknown" } };
}

/** What lies in an image that is not raw is known to QEMU alone: nobody else can compare it. */
function inForms(move: MoveOptions, formats: readonly Image["format"][]): MoveOptions {
  return move.strategy === "qemu" && formats.some((form) => form !== "raw") ? { ...move, verify: "fresh" } : move;
}

const guest = (name: string): fc.Arbitrary<{ guest: AGuest; moved: readonly string[]; options: MoveOptions }> =>
  fc
    .record({
      running: fc.boolean(), autostart: fc.boolean(), a: disk("a"), b: disk("b"), c: disk("c"),
      moved: fc.subarray(["xvda1", "xvda2", "xvdb"], { minLength: 1 }), options, formats: fc.tuple(format, format),
    })
    .map(({ running, autostart, a, b, c, moved, options: asked, formats }) => ({ running, autostart, a, b, c, moved, formats, move: inForms(asked, formats) }))
    .map(({ running, autostart, a, b, c, moved, move, formats }) => ({
      // only a guest that runs has a QEMU that could do it
      guest: move.strategy === "qemu"
        ? { name, running: true, autostart, disks: { xvda1: inFormat(formats[0], a), xvda2: inFormat(formats[1], b), xvdb: c }, qdisk: true }
        : { name, running, autostart, disks: { xvda1: a, xvda2: b, xvdb: c } },
      // a clone writes to all of its disks: none may be left behind
      moved: move.rehearse === true ? ["xvda1", "xvda2", "xvdb"] : moved, options: move,
    }));

/** One to three guests; the names are such as hurt in paths, LVM and shells. */
export const scenes: fc.Arbitrary<Scene> = fc
  .subarray(["web1", "db-2", "we.ird_+name"], { minLength: 1 })
  .chain((names) => fc.tuple(fc.boolean(), ...names.map(guest)))
  .map(([thin, ...guests]) => ({
    state: withFullImages(withShadow(aHost(guests.map((g) => g.guest), { thin }))),
    wishes: guests.map((g) => aWish(g.guest.name, g.moved, g.options)),
  }));

/** A Xen that migrates PV guests. */
function withShadow(state: HostState): HostState {
  return { ...state, host: { ...state.host, capabilities: ["pv", "shadow"] } };
}

/** A scene whose guests have been moved, and one of them that is to go back. */
export interface Return {
  readonly scene: Scene;
  readonly wish: ReturnWish;
}

/** Images that were deleted are nothing to go back to: where a playbook deletes, here it retires. */
export const returns: fc.Arbitrary<Return> = scenes.filter(({ wishes }) => wishes.every(({ move }) => move.strategy !== "qemu")).chain((scene) => {
  const wishes = scene.wishes.map((wish) => ({ ...wish, disks: wish.disks.map((one) => ({ ...one, move: kept(one.move) })), move: kept(wish.move) }));
  const [first] = wishes;
  if (first === undefined) throw new Error("a scene without wishes");
  return fc.record({
    disks: fc.subarray(first.disks.map((one) => one.vdev)),
    carryBack: fc.constantFrom(undefined, "auto", "files", "blocks"),
    removeVolume: fc.boolean(),
  }).map(({ disks, carryBack, removeVolume }): Return => ({
    scene: { ...scene, wishes },
    wish: {
      domain: first.name, disks, removeVolume, move: {}, at: first.at, ...(carryBack === undefined ? {} : { carryBack }),
    },
  }));
});

function kept(move: MoveOptions): MoveOptions {
  return move.source === "delete" ? { ...move, source: "retire" } : move;
}
