import type { MoveDisk } from "../model/change.js";
import type { DesiredDomain } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import { unfit } from "./other-ways.js";
import { strategies } from "./registry.js";
import { AWAITS, SITS } from "./sits-elsewhere.js";
import type { Strategy } from "./strategy.js";
import { VERIFY_FULL } from "./compared.js";
import { goes } from "./way.js";
import type { Looked, Seen } from "./way.js";

/** What there is no way for. */
interface Asked {
  readonly desired: DesiredDomain;
  readonly changes: readonly MoveDisk[];
  readonly state: HostState;
}

/** It names a file system that the disk does not have; everything is held against that. */
function asksForAnother({ wish: { filesystem }, image: { content } }: MoveDisk): boolean {
  return filesystem !== undefined && "uuid" in content && content.type !== filesystem;
}

/** No way for all disks: because there is none for one of them, or because they have none in common. */
export function noWay({ desired, changes, state }: Asked, seen: readonly (readonly Seen[])[], looked: readonly Looked[]): readonly Diagnostic[] {
  const subject = { host: state.host.name, domain: desired.name };
  const lost = changes.flatMap((change, at): readonly Diagnostic[] => {
    const all = seen[at] ?? [];
    if (all.some(({ fit }) => fit.fits)) return [];
    const { strategy = "auto" } = change.wish.move;
    const heldBy = (what: string): boolean => all.some(({ fit }) => fit.reasons.some((reason) => reason.startsWith(what)));
    return [
      {
        severity: "error", code: "no-strategy-fits", at: change.wish.at, subject: { ...subject, vdev: change.vdev },
        summary: `no way to move ${change.vdev} of ${desired.name} (${change.image.path})`,
        detail: unfit(all, []).flatMap(({ strategy, reasons }) => reasons.map((reason) => `${strategy}: ${reason}`)).join("\n"),
        fix: asksForAnother(change)
          ? `Leave 'filesystem: ${change.wish.filesystem ?? ""}' out: what the disk holds comes over as it is.`
          : heldBy(SITS) || heldBy(AWAITS)
          ? "Name the strategy that goes on from there; or shut the guest down and start it: it comes up on its image, and any way is open."
          : heldBy(VERIFY_FULL)
          ? "Leave `verify: full` out: no way that fits this disk can compare it."
          : strategy === "auto"
            ? "Leave this disk out of the playbook; disks of this kind can not be moved yet."
            : `Change what is held against it, or leave out 'strategy: ${strategy}': then any way that fits is taken.`,
      },
    ];
  });
  if (lost.length > 0) return lost;
  const each = changes.map(({ vdev }, at) => {
    const names = new Set((seen[at] ?? []).filter(({ fit, strategy }) => fit.fits && strategy.way !== undefined).map(({ strategy }) => strategy.name));
    return `${vdev} can be moved by ${[...names].join(", ")} alone`;
  });
  return [
    {
      severity: "error", code: "mixed-strategies", at: desired.at, subject,
      summary: `the disks of ${desired.name} can not all be moved in one way`,
      detail: [...each, "a copy is finished while the guest is down, a mirror while it runs"].join("\n"),
      fix: recipe(apart(looked), changes.some(({ wish }) => (wish.move.strategy ?? "auto") !== "auto")),
    },
  ];
}

/** Disks that can go together, and by what. */
interface Together {
  readonly vdevs: readonly string[];
  readonly way: string | undefined;
  readonly strategies: readonly string[];
}

/**
 * In which order ways of one guest follow on each other: QEMU's own first, since xl stores a config at the commit of a mirror, which it would
 * refuse; files last, since their restart takes the guest off the device of a mirror as well. Mirrors may come in any order.
 */
const FOLLOW: readonly (string | undefined)[] = [undefined, ...new Set(Object.values<Strategy>(strategies)
  .filter(({ way }) => way !== undefined)
  .sort((a, b) => turn(a) - turn(b))
  .map(({ way }) => way))];

function turn({ carries, takesOver }: Strategy): number {
  if (carries === "files") return 2;
  return takesOver === true ? 1 : 0;
}

/** In as few runs as there have to be, each of as many disks as can go together. */
function apart(looked: readonly Looked[]): readonly Together[] {
  const found: Together[] = [];
  let left = looked[0]?.disks.map(({ move }) => move.change.vdev) ?? [];
  while (left.length > 0) {
    const rest = left;
    const [most] = looked.flatMap(({ disks }) => FOLLOW.map((way): Together => {
      const carried = disks.filter(({ move }) => rest.includes(move.change.vdev)).flatMap(({ move, candidates }) => {
        const by = candidates.filter(({ strategy, fit }) => fit.fits && goes(strategy, way, move));
        return by.length === 0 ? [] : [{ vdev: move.change.vdev, by: (by.find(({ strategy }) => !strategy.named) ?? by[0])?.strategy.name ?? "" }];
      });
      return { way, vdevs: carried.map(({ vdev }) => vdev), strategies: [...new Set(carried.map(({ by }) => by))] };
    })).sort((a, b) => b.vdevs.length - a.vdevs.length);
    if (most === undefined || most.vdevs.length === 0) break;
    found.push(most);
    left = left.filter((vdev) => !most.vdevs.includes(vdev));
  }
  return found.sort((a, b) => FOLLOW.indexOf(a.way) - FOLLOW.indexOf(b.way));
}

/** What is on its volume already is no matter of a later run, so that the last one may name all. */
function recipe(runs: readonly Together[], named: boolean): string {
  const before = runs.slice(0, -1).map(({ strategies: by }, at) =>
    `${at === 0 ? "first" : "then"} with ${listed(runs.slice(0, at + 1).flatMap(({ vdevs }) => vdevs))} alone under \`disks\` (${by.join(", ")})`);
  const last = runs.at(-1);
  return `Run the playbook ${before.join(", ")}, then as it is, which moves ${listed(last?.vdevs ?? [])} (${last?.strategies.join(", ") ?? ""}).` +
    (named ? " Or name one strategy for all disks that can carry each." : "");
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
