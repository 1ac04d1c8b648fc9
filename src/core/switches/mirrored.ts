import { leavesBySwitch } from "../model/desired.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { mappingAt, nameOfPath } from "../model/mapping.js";
import { runDirectory } from "../model/names.js";
import type { PlanNode } from "../model/plan.js";
import type { Step } from "../model/step.js";
import { installBootUnit, removeBootUnit } from "../steps/boot-unit.js";
import { holdDisks, releaseDisks } from "../steps/compare-legs.js";
import { removeConfig, writeConfig } from "../steps/derived-config.js";
import { commitOffline } from "../steps/commit-offline.js";
import { editConfig } from "../steps/edit-config.js";
import { guard } from "../steps/guard.js";
import type { Guard } from "../steps/guard.js";
import { stepOf } from "../steps/step-of.js";
import { tidy } from "../steps/tidy.js";
import { updateStored } from "../steps/update-stored.js";
import type { UpdateStored } from "../steps/update-stored.js";
import type { SwitchOver } from "../strategies/strategy.js";
import { guardStep, isAttachable, liftedWeight, volumeOf, WHY_LIFTED } from "./restart.js";
import type { DomainMove } from "./restart.js";
import { windowStep } from "./second-switch.js";
import type { SecondSwitch } from "./second-switch.js";
import { asSeen, configsOf, takeOver } from "./take-over.js";
import type { Derived } from "./take-over.js";
import { sameVdev } from "../xl/vdev.js";

/** The configs that take a running guest onto its mappings and, stored with xl, from there to its volumes. */
export interface DerivedConfigs {
  readonly before: Derived;
  readonly next: Derived;
  readonly stored: Derived;
}

/** A guest whose disks are mirrored. `derived` is unset for one that is down: nobody has to be taken anywhere. */
export interface MirroredMove extends DomainMove {
  readonly switchOver: SwitchOver;
  /** When the guest may be taken off its mappings, and how long that is reckoned to take. */
  readonly secondSwitch: SecondSwitch;
  readonly derived?: DerivedConfigs;
}

/** What `next` is for, in a preview. */
const ON_MAPPINGS = "with the mappings as disks, and no discards";

/** Where the configs lie that {@link DerivedConfigs} names. */
export function derivedPath(domain: string, name: keyof DerivedConfigs): string {
  return `${runDirectory(domain)}/${name}.cfg`;
}

/**
 * The guest is taken onto its mappings (unless it sits on them already), runs on while they are mirrored, and when
 * image and volume are equal every config is switched to the volumes first, and then the mappings.
 */
export function mirroredSteps(move: MirroredMove, state: HostState): readonly PlanNode[] {
  const { domain, moves, edit, derived } = move;
  const name = domain.name;
  const fragments = moves.map((m) => m.fragments);
  const mirrors = fragments.flatMap((f) => f.mirror ?? []);
  const sits = sitsOnMappings(move);
  const finished = derived !== undefined && leaves(move);
  // what stays for good is done before a wait that may take days: whatever ends it, nothing of the move is left half-way
  const waits = finished && move.secondSwitch.window !== undefined;
  const settled = [...fragments.flatMap((f) => f.settle), ...move.unsettled];
  if (derived !== undefined && !sits && move.switchOver === "next-reboot") return waitingSteps(move, derived, state);
  return [
    ...(derived === undefined ? [] : [bootUnit(move)]),
    ...fragments.flatMap((f) => f.prepare),
    ...(derived === undefined ? [] : sits ? stayingOnMappings(move, derived) : ontoMappings(move, derived, state)),
    ...mirrors.flatMap((mirror) => mirror.sync),
    ...writeStored(move),
    guardMirror(move, state),
    ...mirrors.flatMap((mirror) => mirror.complete ?? []),
    ...compared(move, state),
    // a guest that is down may be started by whoever likes, from what its config names: nothing takes that back then
    ...(derived === undefined
      ? [stepOf(commitOffline, "switch", "commit", { domain: name }, "both hold every write, and nothing is undone after this")]
      : []),
    stepOf(
      editConfig, "switch", "edit-config", { ...edit, ...(derived === undefined ? {} : { standing: "mirrored" }) },
      "both hold every write: whatever starts the guest next may use either",
    ),
    ...(derived === undefined ? [] : [storeConfig(move, derived)]),
    ...mirrors.flatMap((mirror) => mirror.cut),
    ...mirrors.flatMap((mirror) => mirror.release),
    ...(waits ? settled : []),
    ...(finished ? inWindow(move, derived, ontoVolumes(move, derived, state)) : []),
    ...mirrors.flatMap((mirror) => mirror.retire ?? []),
    ...(waits ? [] : settled),
    ...written(move).map((which) =>
      stepOf(removeConfig, "finish", `remove-${which}`, { path: derivedPath(name, which) }, "it served the run only")),
    ...(finished || wasLeft(move, state) ? [stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain: name }, "the guest is on no mapping any more")] : []),
    stepOf(tidy, "finish", "tidy", { domain: name }, "nothing of the run stays"),
  ];
}

/** The configs that there are: of a guest that sits on its mappings the run that took it there may have left each. */
function written(move: MirroredMove): readonly (keyof DerivedConfigs)[] {
  const { derived, switchOver } = move;
  if (derived === undefined) return [];
  if (switchOver === "next-reboot" || sitsOnMappings(move)) return ["before", "next", "stored"];
  const read = configsOf({ switchOver, from: derived.before, to: derived.next });
  return [...(read.includes(derived.before) ? ["before"] as const : []), "next", "stored"];
}

/**
 * A guest that sits on its mappings may have its image stored: a run that had made it ready for its own reboot was taken back
 * when it had done so. Its next one would take it around the mirror, and if after the last look, the volume would lack what it writes.
 */
function stayingOnMappings(move: MirroredMove, { before, next }: DerivedConfigs): readonly Step[] {
  if (awaitsReboot(move)) return [];
  return [
    stepOf(writeConfig, "prepare", "write-before", { ...before.file, what: "as it is, for the way back" }, "for one command only"),
    stepOf(writeConfig, "prepare", "write-next", { ...next.file, what: ON_MAPPINGS }, "for xl to store"),
    stepOf(updateStored, "prepare", "store-next", ontoNext(move.domain, { before, next }), "its own reboot must not take it around the mirror"),
  ];
}

function ontoNext({ name: domain, running }: Domain, { before, next }: Pick<DerivedConfigs, "before" | "next">): UpdateStored {
  const known = running?.storedHash;
  return {
    domain, file: derivedPath(domain, "next"), oldFile: derivedPath(domain, "before"), disks: next.disks, oldDisks: before.disks,
    ...(known === undefined ? {} : { known }),
  };
}

/** The guest leaves its mappings in the same run, where the playbook says so. */
function leaves({ options, switchOver }: MirroredMove): boolean {
  return leavesBySwitch(options) && switchOver !== "next-reboot";
}

/** Steps that take it off them wait for their window, where there is one. */
function inWindow({ domain, secondSwitch: { window, seconds } }: MirroredMove, { next }: DerivedConfigs, steps: readonly Step[]): readonly Step[] {
  if (window === undefined || steps.length === 0) return steps;
  return [windowStep("switch", { domain: domain.name, window, seconds, disks: next.disks }, steps), ...steps];
}

/** A run that took the guest onto a mapping, or made one ready for it, left that and a boot unit, and the guest is down by now. */
function wasLeft({ domain, moves }: DomainMove, state: HostState): boolean {
  return domain.running === undefined && moves.some(({ fragments: { mirror } }) => mirror !== undefined && mappingAt(mirror.onto, state) !== undefined);
}

/** An earlier run took the guest onto all of its mappings, and went no further. */
export function sitsOnMappings({ domain, moves }: Pick<DomainMove, "domain" | "moves">): boolean {
  return moves.every(({ move, fragments }) =>
    domain.running?.attached.some((disk) => sameVdev(disk.vdev, move.change.vdev) && disk.params === fragments.mirror?.onto) ?? false,
  );
}

/** All is ready for a guest's own reboot to take it onto its mappings. */
export function awaitsReboot({ domain, moves }: Pick<DomainMove, "domain" | "moves">): boolean {
  const stored = domain.running?.stored;
  return stored !== undefined && moves.every(({ move, fragments }) =>
    stored.some((disk) => sameVdev(disk.vdev, move.change.vdev) && disk.target === fragments.mirror?.onto));
}

/** What xl has stored names the mappings, the guest's config its image: both hold every write, whichever is used next. */
function waitingSteps(move: MirroredMove, { before, next }: DerivedConfigs, state: HostState): readonly PlanNode[] {
  const { domain, moves } = move;
  const name = domain.name;
  return [
    // it stays: the guest may have rebooted long before the next run, and Dom0 after it
    bootUnit(move),
    ...moves.flatMap(({ fragments }) => fragments.prepare),
    stepOf(writeConfig, "prepare", "write-before", { ...before.file, what: "as it is, for the way back" }, "for one command only"),
    stepOf(writeConfig, "prepare", "write-next", { ...next.file, what: ON_MAPPINGS }, "for xl to store"),
    guardStep(move, state, "guard", asSeen(domain)),
    stepOf(
      updateStored, "switch", "update-stored", ontoNext(domain, { before, next }),
      "the guest's own reboot takes it onto its mappings; until then it runs on, on its image",
    ),
    ...(["before", "next"] as const).map((which) =>
      stepOf(removeConfig, "finish", `remove-${which}`, { path: derivedPath(name, which) }, "it served the run only")),
  ];
}

function bootUnit({ domain, moves }: MirroredMove): Step {
  const mappings = moves.flatMap(({ fragments }) => (fragments.mirror === undefined ? [] : [nameOfPath(fragments.mirror.onto)]));
  return stepOf(
    installBootUnit, "prepare", "install-boot-unit", { domain: domain.name, mappings }, "Dom0 may die at any time from here on",
  );
}

/** Off its images and onto its mappings, which still lie on them. */
function ontoMappings(move: MirroredMove, derived: DerivedConfigs, state: HostState): readonly Step[] {
  const { domain, desired, options, edit, switchOver } = move;
  if (switchOver === "next-reboot") return [];
  const from = derived.before;
  const to = derived.next;
  const what = new Map([[from, "as it is, for the way back"], [to, ON_MAPPINGS]]);
  return [
    ...configsOf({ switchOver, from, to }).map((config) =>
      stepOf(
        writeConfig, "prepare", config === from ? "write-before" : "write-next",
        { ...config.file, what: what.get(config) ?? "" }, "for one command only",
      )),
    ...takeOver({
      domain, desired, options, switchOver, from, to, config: edit.path, commit: "later",
      // one that is restarted goes by its config, whatever it has now
      guard: guardStep(move, state, "guard", switchOver === "restart" ? {} : asSeen(domain)),
      atRest: move.moves.flatMap(({ fragments }) => fragments.mirror?.begin ?? []),
      why: { down: "it is taken off its old disk", up: "still on its old disk, under another name" },
    }),
  ];
}

/** Off its mappings, which lie on its volumes alone by now, and onto these. */
function ontoVolumes(move: MirroredMove, derived: DerivedConfigs, state: HostState): readonly Step[] {
  const { domain, desired, options, edit, switchOver } = move;
  if (switchOver === "next-reboot") return [];
  return takeOver({
    domain, desired, options, switchOver, from: derived.next, to: derived.stored, config: edit.path, commit: "done", prefix: "again",
    guard: stepOf(
      guard, "switch", "again.guard",
      {
        domain: domain.name, bootId: state.host.bootId, config: { path: edit.path, sha256: edit.after }, images: [],
        attached: derived.next.disks.filter(isAttachable).map(({ vdev, target }) => ({ vdev, target })),
        ...(switchOver === "restart" ? {} : { ...devicesOf(move), stored: { file: derivedPath(domain.name, "stored") } }),
      },
      "it is taken over once more",
    ),
    why: { down: "it is taken off the device that mirrored its disk", up: "on its volumes themselves" },
  });
}

/** Somebody may have started the guest around the mirror, which makes it worthless. */
function guardMirror(move: MirroredMove, state: HostState): Step {
  return mirrorStands(move, state, "guard-mirror", "a mirror is void when somebody used the image around it");
}

function mirrorStands(move: MirroredMove, state: HostState, id: string, why: string): Step {
  const { domain, edit, moves, derived } = move;
  const images = moves.flatMap(({ move: { change: { image } }, fragments }) =>
    fragments.mirror === undefined
      ? []
      : [{ path: image.path, inode: image.inode, bytes: image.bytes, devno: image.devno, link: fragments.mirror.link, under: fragments.mirror.onto }]);
  return stepOf(
    guard, "switch", id,
    {
      domain: domain.name, bootId: state.host.bootId, config: { path: edit.path, sha256: edit.before }, images, volumes: moves.map(volumeOf),
      // one that is completed after this is not in sync yet
      mirrors: moves.flatMap(({ fragments: { mirror } }) => (mirror === undefined || mirror.complete !== undefined ? [] : [nameOfPath(mirror.onto)])),
      ...(derived === undefined
        ? {}
        : {
            attached: derived.next.disks.filter(isAttachable).map(({ vdev, target }) => ({ vdev, target })),
            ...devicesOf(move), stored: storedIn(move),
          }),
    },
    why,
  );
}

/** One that this run takes onto its mappings is noted then: what it has from there on is what it has to keep. */
function devicesOf(move: MirroredMove): Pick<Guard, "devices"> {
  const devices = move.domain.running?.devices;
  return !sitsOnMappings(move) || devices === undefined ? {} : { devices };
}

/** What may be stored in mid-mirror: what this run has stored, or what an earlier one had when it was planned. */
function storedIn(move: MirroredMove): NonNullable<Guard["stored"]> {
  const sha256 = sitsOnMappings(move) ? move.domain.running?.storedHash : undefined;
  return { file: derivedPath(move.domain.name, "next"), ...(sha256 === undefined ? {} : { sha256 }) };
}

/**
 * The mirror goes on after it: what the guest writes from then on gets to both. It may have stood still for minutes, and somebody
 * may have taken it for one that hangs, and started it anew from its image.
 */
function compared(move: MirroredMove, state: HostState): readonly Step[] {
  const { domain, moves, options } = move;
  const mirrors = moves.flatMap(({ fragments: { mirror } }) => (mirror?.compare === undefined ? [] : [{ ...mirror, compare: mirror.compare }]));
  if (mirrors.length === 0) return [];
  const held = {
    ...(domain.running === undefined ? {} : { domain: domain.name }),
    mappings: mirrors.map(({ onto }) => nameOfPath(onto)),
  };
  return [
    // one that is down waits for nothing
    ...(domain.running === undefined ? [] : liftedWeight(domain, options, WHY_LIFTED)),
    stepOf(holdDisks, "switch", "hold", held, "nothing may write while they are compared"),
    ...mirrors.map(({ compare }) => compare),
    stepOf(releaseDisks, "switch", "release", held, "the mirror goes on"),
    mirrorStands(move, state, "guard-compared", "somebody may have started it anew while it stood still"),
  ];
}

/** Before the guest's own config is edited, since they are made from it. */
function writeStored({ domain, derived, ...move }: MirroredMove): readonly Step[] {
  if (derived === undefined) return [];
  return [
    // a run that took the guest onto its mappings has it already
    ...(sitsOnMappings({ domain, ...move }) && awaitsReboot({ domain, ...move })
      ? [stepOf(writeConfig, "prepare", "write-next", { ...derived.next.file, what: ON_MAPPINGS }, "for the way back")]
      : []),
    stepOf(writeConfig, "prepare", "write-stored", { ...derived.stored.file, what: "with the volumes as disks" }, "for xl to store"),
  ];
}

function storeConfig(move: MirroredMove, { next, stored }: DerivedConfigs): Step {
  const domain = move.domain.name;
  const known = storedIn(move).sha256;
  return stepOf(
    updateStored, "switch", "update-stored",
    {
      domain, file: derivedPath(domain, "stored"), oldFile: derivedPath(domain, "next"),
      disks: stored.disks, oldDisks: next.disks, ...(known === undefined ? {} : { known }),
    },
    "the guest's own reboot uses its volumes",
  );
}
