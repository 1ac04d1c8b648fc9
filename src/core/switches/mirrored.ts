import type { ConfiguredDisk } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { runDirectory } from "../model/names.js";
import type { PlanNode } from "../model/plan.js";
import type { Step } from "../model/step.js";
import { installBootUnit } from "../steps/boot-unit.js";
import type { WriteConfig } from "../steps/derived-config.js";
import { removeConfig, writeConfig } from "../steps/derived-config.js";
import { editConfig } from "../steps/edit-config.js";
import { guard } from "../steps/guard.js";
import { mountMemory } from "../steps/mount-memory.js";
import { unmount } from "../steps/mount-volume.js";
import { restorePaused, saveGuest } from "../steps/save-guest.js";
import { shutDown } from "../steps/shut-down.js";
import { compareAttached, createPaused, resumeGuest, waitReady } from "../steps/start-guest.js";
import { stepOf } from "../steps/step-of.js";
import { tidy } from "../steps/tidy.js";
import { updateStored } from "../steps/update-stored.js";
import type { SwitchOver } from "../strategies/strategy.js";
import { savedBytes } from "./choose.js";
import { guardStep, isAttachable, readyOf, SHUTDOWN_SECONDS } from "./restart.js";
import type { DomainMove } from "./restart.js";

/** A config made from the guest's own, and the disks that it names. */
export interface Derived {
  readonly file: Omit<WriteConfig, "what">;
  readonly disks: readonly ConfiguredDisk[];
}

/** The configs that take a running guest onto its mappings and, stored with xl, from there to its volumes. */
export interface DerivedConfigs {
  readonly before: Derived;
  readonly next: Derived;
  readonly stored: Derived;
}

/** A guest whose disks are mirrored. `derived` is unset for one that is down: nobody has to be taken anywhere. */
export interface MirroredMove extends DomainMove {
  readonly switchOver: SwitchOver;
  readonly derived?: DerivedConfigs;
}

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
  if (derived !== undefined && !sits && move.switchOver === "next-reboot") return waitingSteps(move, derived, state);
  return [
    ...fragments.flatMap((f) => f.prepare),
    ...(derived === undefined ? [] : sits ? [bootUnit(move)] : takeOver(move, derived, state)),
    ...mirrors.flatMap((mirror) => mirror.sync),
    ...writeStored(move),
    guardMirror(move, state),
    stepOf(editConfig, "switch", "edit-config", edit, "both hold every write: whatever starts the guest next may use either"),
    ...(derived === undefined ? [] : [storeConfig(name, derived)]),
    ...mirrors.flatMap((mirror) => mirror.cut),
    ...mirrors.flatMap((mirror) => mirror.release),
    ...fragments.flatMap((f) => f.settle),
    ...move.unsettled,
    ...(derived === undefined
      ? []
      : (["before", "next", "stored"] as const).map((which) =>
          stepOf(removeConfig, "finish", `remove-${which}`, { path: derivedPath(name, which) }, "it served the run only"))),
    stepOf(tidy, "finish", "tidy", { domain: name }, "nothing of the run stays"),
  ];
}

/** An earlier run took the guest onto all of its mappings, and went no further. */
export function sitsOnMappings({ domain, moves }: Pick<DomainMove, "domain" | "moves">): boolean {
  return moves.every(({ move, fragments }) =>
    domain.running?.attached.some((disk) => disk.vdev === move.change.vdev && disk.params === fragments.mirror?.onto) ?? false,
  );
}

/** All is ready for a guest's own reboot to take it onto its mappings. */
export function awaitsReboot({ domain, moves }: Pick<DomainMove, "domain" | "moves">): boolean {
  const stored = domain.running?.stored;
  return stored !== undefined && moves.every(({ move, fragments }) =>
    stored.some((disk) => disk.vdev === move.change.vdev && disk.target === fragments.mirror?.onto));
}

/** What xl has stored names the mappings, the guest's config its image: both hold every write, whichever is used next. */
function waitingSteps({ domain, moves, edit, ...move }: MirroredMove, { before, next }: DerivedConfigs, state: HostState): readonly PlanNode[] {
  const name = domain.name;
  return [
    ...moves.flatMap(({ fragments }) => fragments.prepare),
    stepOf(writeConfig, "prepare", "write-before", { ...before.file, what: "as it is, for the way back" }, "for one command only"),
    stepOf(writeConfig, "prepare", "write-next", { ...next.file, what: "with the mappings as disks" }, "for xl to store"),
    guardStep({ domain, moves, edit, ...move }, state, "guard"),
    stepOf(
      updateStored, "switch", "update-stored",
      {
        domain: name, file: derivedPath(name, "next"), oldFile: derivedPath(name, "before"),
        disks: next.disks, oldDisks: before.disks,
      },
      "the guest's own reboot takes it onto its mappings; until then it runs on, on its image",
    ),
    ...(["before", "next"] as const).map((which) =>
      stepOf(removeConfig, "finish", `remove-${which}`, { path: derivedPath(name, which) }, "it served the run only")),
  ];
}

function bootUnit({ domain, moves }: MirroredMove): Step {
  const mappings = moves.flatMap(({ fragments }) => fragments.mirror?.onto.replace("/dev/mapper/", "") ?? []);
  return stepOf(
    installBootUnit, "prepare", "install-boot-unit", { domain: domain.name, mappings }, "Dom0 may die while the guest is on a mapping",
  );
}

function takeOver(move: MirroredMove, derived: DerivedConfigs, state: HostState): readonly Step[] {
  const { domain, switchOver, desired, options, edit } = move;
  const name = domain.name;
  const memory = `${runDirectory(name)}/memory`;
  const file = `${memory}/guest`;
  const config = derivedPath(name, "next");
  const suspend = switchOver === "suspend";
  const write = (which: "before" | "next", what: string) =>
    stepOf(writeConfig, "prepare", `write-${which}`, { ...derived[which].file, what }, "for one command only");
  return [
    ...(suspend ? [write("before", "as it is, for the way back")] : []),
    write("next", "with the mappings as disks"),
    ...(suspend
      ? [stepOf(mountMemory, "prepare", "make-room", { target: memory, bytes: savedBytes(domain) }, "the guest's memory goes there")]
      : []),
    guardStep(move, state, "guard"),
    { ...bootUnit(move), phase: "switch" },
    suspend
      ? stepOf(saveGuest, "switch", "save", { domain: name, config: edit.path, before: derivedPath(name, "before"), file }, "it is taken off its old disk")
      : stepOf(
          shutDown, "switch", "shut-down",
          { domain: name, config: edit.path, timeoutSeconds: options.shutdownTimeoutSeconds ?? SHUTDOWN_SECONDS, destroy: options.destroy ?? false },
          "it is taken off its old disk",
        ),
    suspend
      ? stepOf(restorePaused, "switch", "restore-paused", { domain: name, config, file, disks: derived.next.disks }, "built, and not yet running")
      : stepOf(createPaused, "switch", "create-paused", { domain: name, config, disks: derived.next.disks }, "built, and not yet running"),
    stepOf(
      compareAttached, "switch", "compare-attached",
      { domain: name, disks: derived.next.disks.filter(isAttachable).map(({ vdev, target }) => ({ vdev, target })) },
      "what is attached has to be what was planned",
    ),
    stepOf(resumeGuest, "switch", "resume", { domain: name, ...(suspend ? { file } : {}) }, "still on its old disk, under another name"),
    stepOf(waitReady, "switch", "wait-ready", { domain: name, ready: readyOf(desired, domain) }, "the downtime ends when it is up"),
    ...(suspend ? [stepOf(unmount, "prepare", "give-room-back", { target: memory }, "the guest has its memory again")] : []),
  ];
}

/** Somebody may have started the guest around the mirror, which makes it worthless. */
function guardMirror({ domain, edit, moves, derived }: MirroredMove, state: HostState): Step {
  const images = moves.flatMap(({ move: { change: { image } }, fragments }) =>
    fragments.mirror === undefined
      ? []
      : [{ path: image.path, inode: image.inode, bytes: image.bytes, devno: image.devno, link: fragments.mirror.link }]);
  return stepOf(
    guard, "switch", "guard-mirror",
    {
      domain: domain.name, bootId: state.host.bootId, config: { path: edit.path, sha256: edit.before }, images,
      ...(derived === undefined
        ? {}
        : { attached: derived.next.disks.filter(isAttachable).map(({ vdev, target }) => ({ vdev, target })) }),
    },
    "a mirror is void when somebody used the image around it",
  );
}

/** Before the guest's own config is edited, since they are made from it. */
function writeStored({ domain, derived, ...move }: MirroredMove): readonly Step[] {
  if (derived === undefined) return [];
  return [
    // a run that took the guest onto its mappings has it already
    ...(sitsOnMappings({ domain, ...move })
      ? [stepOf(writeConfig, "prepare", "write-next", { ...derived.next.file, what: "with the mappings as disks" }, "for the way back")]
      : []),
    stepOf(writeConfig, "prepare", "write-stored", { ...derived.stored.file, what: "with the volumes as disks" }, "for xl to store"),
  ];
}

function storeConfig(domain: string, { next, stored }: DerivedConfigs): Step {
  return stepOf(
    updateStored, "switch", "update-stored",
    {
      domain, file: derivedPath(domain, "stored"), oldFile: derivedPath(domain, "next"),
      disks: stored.disks, oldDisks: next.disks,
    },
    "the guest's own reboot uses its volumes",
  );
}
