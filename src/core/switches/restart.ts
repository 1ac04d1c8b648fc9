import { goesOn } from "../model/change.js";
import { runDirectory, safeName, snapshotName, volumePath, volumeTags } from "../model/names.js";
import type { ConfiguredDisk, Domain } from "../model/domain.js";
import type { DesiredDomain, MoveOptions, SnapshotSize } from "../model/desired.js";
import { snapshotSize } from "../model/desired.js";
import type { HostState } from "../model/host-state.js";
import { snapshotGrowth, snapshotRoom } from "../model/bytes.js";
import type { PlanNode } from "../model/plan.js";
import type { Step } from "../model/step.js";
import { installBootUnit, removeBootUnit } from "../steps/boot-unit.js";
import { commitOffline } from "../steps/commit-offline.js";
import { draftStep } from "../steps/draft-config.js";
import { editConfig } from "../steps/edit-config.js";
import type { EditConfig } from "../steps/edit-config.js";
import { guard } from "../steps/guard.js";
import type { Guard } from "../steps/guard.js";
import { DEFAULT_WEIGHT, liftWeight } from "../steps/lift-weight.js";
import { mountVolume, unmount } from "../steps/mount-volume.js";
import { shutDown } from "../steps/shut-down.js";
import type { ShutDown } from "../steps/shut-down.js";
import { createSnapshot, removeSnapshot } from "../steps/snapshot.js";
import { compareAttached, createPaused, unpause, waitReady } from "../steps/start-guest.js";
import type { WaitReady } from "../steps/start-guest.js";
import { stepOf } from "../steps/step-of.js";
import { tidy } from "../steps/tidy.js";
import { retiredName } from "../strategies/settle.js";
import type { DiskMove, Fragments, PassPlace } from "../strategies/strategy.js";
import { rehearsalSteps } from "./rehearse.js";
import type { Rehearsal } from "./rehearse.js";

/** A guest with the disks it moves and what each strategy does for them. */
export interface DomainMove {
  readonly domain: Domain;
  readonly desired: DesiredDomain;
  readonly moves: readonly { readonly move: DiskMove; readonly fragments: Fragments }[];
  readonly options: MoveOptions;
  readonly edit: EditConfig;
  /** Disks of the guest that an earlier run has moved and not settled: what is left of them. */
  readonly unsettled: readonly Step[];
  /** Set where a clone has to boot from the copies first. */
  readonly rehearsal?: Rehearsal;
  /** What of the downtime is not the last copy pass, in seconds: the loop of passes stops with it in mind. */
  readonly overheadSeconds: number;
}

/** Passes at most, where the playbook does not say: more of them seldom shrink the last one. */
const MAX_PASSES = 5;
const SHUTDOWN_SECONDS = 60;
const READY_SECONDS = 10;
/** A first pass of all data that is over sooner leaves no more to carry than another one would: that is another snapshot. */
const FIRST_SECONDS = 10;

/** One restart: the guest is shut down, its last changes are carried, and it is created anew on its volumes. */
export function restartSteps(domainMove: DomainMove, state: HostState): readonly PlanNode[] {
  const { domain, moves, edit } = domainMove;
  const fragments = moves.map((m) => m.fragments);
  const running = domain.running !== undefined;
  return [
    ...(running ? [bootUnitStep(domain)] : []),
    ...fragments.flatMap((f) => f.prepare),
    ...passes(domainMove, state),
    ...fragments.flatMap((f) => f.checked),
    ...(running ? rehearsed(domainMove, state) : []),
    ...fragments.flatMap((f) => f.poised),
    guardStep(domainMove, state, "guard", running ? { builds: true } : {}),
    ...(running ? takeDown(domainMove) : []),
    ...fragments.flatMap((f) => f.atRest),
    // one that is down has nobody waiting for it
    ...(running ? [] : rehearsed(domainMove, state)),
    ...(running ? [] : [guardStep(domainMove, state, "guard-again")]),
    // whoever starts a guest that is down, a boot of Dom0 included, starts it on what its config names: so the commit is
    // first, or an undo could take the config back from under a guest that has run on its new disk
    ...(running ? [] : [stepOf(commitOffline, "switch", "commit", { domain: domain.name }, "nothing is undone after this")]),
    stepOf(
      editConfig, "switch", "edit-config", { ...edit, ...(running ? { standing: "at-rest" } : {}) },
      "whatever starts the guest next uses its new disks",
    ),
    ...(running ? bringUp(domainMove) : []),
    ...fragments.flatMap((f) => f.settle),
    ...domainMove.unsettled,
    ...(running
      ? [stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain: domain.name }, "the switch is over")]
      : []),
    stepOf(tidy, "finish", "tidy", { domain: domain.name }, "nothing of the run stays"),
  ];
}

/** First of all: a run that dies while it only copies leaves a snapshot, which would slow its volume down until somebody comes. */
export function bootUnitStep({ name }: Domain): Step {
  return stepOf(installBootUnit, "prepare", "install-boot-unit", { domain: name }, "Dom0 may die at any time from here on");
}

/** The guest writes on while its clone boots: passes after that carry it, so that the last one is as short as it was. */
function rehearsed(domainMove: DomainMove, state: HostState): readonly PlanNode[] {
  const { domain, moves, options, overheadSeconds, rehearsal } = domainMove;
  if (rehearsal === undefined) return [];
  const copied = domain.running === undefined ? [] : moves.filter((m) => m.fragments.pass !== undefined);
  return [
    ...rehearsalSteps(domain, rehearsal, options),
    ...moves.flatMap(({ fragments }) => fragments.rehearsal?.after ?? []),
    ...(copied.length === 0
      ? []
      : [{
          node: "repeat" as const, id: "passes-rehearsed", body: passSteps(domainMove, copied, state, "rehearsed", "as-last"),
          min: 1, max: comparesAll(copied) ? 1 : 2, rule: { downtimeSeconds: options.downtimeSeconds ?? -1, overheadSeconds },
          why: "what was written during the rehearsal, so that the last pass is as short as before",
        }]),
  ];
}

/** @param more what else has to be as it was, for one that is not simply started anew from its config */
export function guardStep({ domain, edit, moves }: DomainMove, state: HostState, id: string, more: Pick<Guard, "builds" | "devices" | "stored"> = {}): Step<"guard", Guard> {
  const { running } = domain;
  return stepOf(
    guard, "switch", id,
    {
      domain: domain.name,
      bootId: state.host.bootId,
      ...(running === undefined ? {} : { running: { domid: running.domid, uuid: running.uuid } }),
      config: { path: edit.path, sha256: edit.before },
      images: moves.map(({ move: { change: { image } }, fragments }) => ({
        path: image.path, inode: image.inode, ...(image.format === "raw" ? { bytes: image.bytes } : {}), devno: image.devno,
        ...(fragments.mirror === undefined ? {} : { link: fragments.mirror.link, under: fragments.mirror.onto }),
      })),
      volumes: moves.map(volumeOf),
      ...vacantFor(moves),
      ...more,
    },
    "somebody may have changed something meanwhile",
  );
}

/** A name that is taken would leave the run stuck behind its commit. */
function vacantFor(moves: DomainMove["moves"]): Pick<Guard, "vacant"> {
  const vacant = moves.filter(({ move }) => move.options.source === "retire").map(({ move }) => retiredName(move.change.image.realPath));
  return vacant.length === 0 ? {} : { vacant };
}

/** What its guard looks after: nobody else may have it, but the device of converge's own that lies on it. */
export function volumeOf({ move, fragments: { mirror } }: DomainMove["moves"][number]): NonNullable<Guard["volumes"]>[number] {
  return { volume: move.change.to.volume, ...(mirror === undefined ? {} : { under: mirror.onto }) };
}

function takeDown({ domain, moves, options, edit }: DomainMove): readonly Step[] {
  // where there is one pass only, what the playbook says of it holds
  const lifted = moves.some(({ move }) => move.live) ? liftedWeight(domain, options, "the last pass is not throttled: the guest waits for it") : [];
  return [
    draftStep(edit),
    ...lifted,
    stepOf(shutDown, "switch", "shut-down", shutDownOf(domain, edit.path, options), "the last changes are carried while nothing writes"),
  ];
}

/** How that guest is asked to go, and for how long it is waited for. */
export function shutDownOf(
  { name, config: found }: Domain, config: string, { shutdownTimeoutSeconds = SHUTDOWN_SECONDS, destroy = false }: Pick<MoveOptions, "shutdownTimeoutSeconds" | "destroy">,
): ShutDown {
  return { domain: name, config, timeoutSeconds: shutdownTimeoutSeconds, destroy, ...(found?.type === "hvm" ? { powerButton: true } : {}) };
}

export const WHY_LIFTED = "the comparison is not held back: the guest waits for it";

/** Before the guest waits for what the run's unit does with its disks, where the playbook gives that a low weight. */
export function liftedWeight({ name }: Domain, { throttle }: MoveOptions, why: string): readonly Step[] {
  if ((throttle?.ioWeight ?? DEFAULT_WEIGHT) >= DEFAULT_WEIGHT) return [];
  return [stepOf(liftWeight, "switch", "lift-weight", { domain: name }, why)];
}

function bringUp({ domain, desired, edit }: DomainMove): readonly Step[] {
  const name = domain.name;
  return [
    stepOf(createPaused, "switch", "create-paused", { domain: name, config: edit.path }, "built, and not yet running"),
    stepOf(
      compareAttached, "switch", "compare-attached",
      { domain: name, disks: edit.disks.filter(isAttachable).map(({ vdev, target }) => ({ vdev, target })) },
      "what is attached has to be what was planned",
    ),
    stepOf(unpause, "switch", "unpause", { domain: name }, "the commit"),
    stepOf(waitReady, "switch", "wait-ready", { domain: name, ready: readyOf(desired, domain) }, "the downtime ends when it is up"),
  ];
}

/** An empty CD-ROM drive has nothing behind it that could be compared. */
export function isAttachable(disk: ConfiguredDisk): boolean {
  return disk.target !== "";
}

/**
 * When the guest counts as up: as its playbook says, with the first address of its config where that says none; without a word
 * in the playbook, when it has run for a while.
 */
export function readyOf(desired: Pick<DesiredDomain, "ready">, domain: Domain): WaitReady["ready"] {
  const { ready } = desired;
  if (ready === undefined) return { kind: "running", seconds: READY_SECONDS, timeoutSeconds: 6 * READY_SECONDS };
  if (ready.kind === "command" || ready.address !== undefined) return ready;
  const address = domain.config?.addresses[0];
  return address === undefined ? ready : { ...ready, address };
}

/** Copy passes over snapshots: one snapshot a volume and pass, for all images that lie on it. */
function passes(domainMove: DomainMove, state: HostState): readonly PlanNode[] {
  const { moves, options, overheadSeconds, rehearsal } = domainMove;
  const copied = moves.filter((m) => m.fragments.pass !== undefined);
  if (copied.length === 0) return [];
  const resumed = copied.some(({ move }) => goesOn(move.change.to, "files"));
  const max = Math.max(2, options.passes ?? MAX_PASSES);
  return [
    ...(resumed ? passSteps(domainMove, copied, state, "first", "checksum") : []),
    {
      node: "repeat", id: "passes", body: passSteps(domainMove, copied, state, "pass", "times"),
      min: 1, max,
      // a copy that was begun before is gone on with: its first pass is a delta already
      rule: { downtimeSeconds: options.downtimeSeconds ?? -1, overheadSeconds, ...(resumed ? {} : { firstSeconds: FIRST_SECONDS }) },
      why: "until the last pass fits the downtime, or passes stop shrinking",
    },
    // what a pass by times took says nothing of one that reads every file: it is measured, and the budget held against it. Where
    // there is a rehearsal, by the pass after it.
    ...(comparesAll(copied) && rehearsal === undefined
      ? [{
          node: "repeat" as const, id: "passes-compared", body: passSteps(domainMove, copied, state, "compared", "as-last"),
          min: 1, max: 1, rule: { downtimeSeconds: options.downtimeSeconds ?? -1, overheadSeconds },
          why: "compares as the last pass will, so that it is known how long that takes",
        }]
      : []),
  ];
}

/** Whether the last pass reads every file of some disk (`verify: full`). */
function comparesAll(copied: DomainMove["moves"]): boolean {
  return copied.some(({ move }) => move.options.verify === "full");
}

function passSteps(
  { domain, options }: DomainMove, copied: DomainMove["moves"], state: HostState,
  prefix: string, compare: PassPlace["compare"],
): readonly Step[] {
  const name = domain.name;
  const id = (what: string): string => `${prefix}.${what}`;
  const origins = [...new Set(copied.flatMap(({ move }) => move.change.image.on?.volume ?? []))].sort();
  return origins.flatMap((origin): readonly Step[] => {
    const here = copied.filter(({ move }) => move.change.image.on?.volume === origin);
    const mountpoint = here[0]?.move.change.image.on?.mountpoint ?? "/";
    const snapshot = snapshotName(origin, name);
    const tags = volumeTags(name, origin, "snapshot");
    const at = `${runDirectory(name)}/snapshot-${safeName(origin)}`;
    const type = state.mounts.find((m) => m.target === mountpoint)?.type ?? "auto";
    const extentBytes = state.volumeGroups[origin.slice(0, origin.indexOf("/"))]?.extentBytes ?? 1;
    const bytes = snapshotBytes(snapshotSize(options), state, origin, extentBytes);
    const growth = bytes === undefined ? {} : { snapshotGrowth: snapshotGrowth(bytes, extentBytes) };
    return [
      stepOf(
        createSnapshot, "prepare", id(`snapshot-${safeName(origin)}`),
        {
          origin, snapshot, extentBytes, tags, mountpoint,
          ...(bytes === undefined ? {} : { bytes }),
          images: here.map(({ move }) => move.change.image.path),
        },
        "the images stand still in it while the guest runs on",
      ),
      stepOf(
        mountVolume, "prepare", id(`mount-snapshot-${safeName(origin)}`),
        {
          source: volumePath(snapshot), target: at, type,
          // read-write: a read-only snapshot refuses the mount of a file system whose journal has to be replayed
          options: ["noatime", ...(type === "xfs" ? ["nouuid"] : [])],
        },
        "to reach the images in it",
      ),
      ...here.flatMap(({ fragments }) => fragments.pass?.({ id: prefix, mountpoint: at, snapshot, compare, ...growth }) ?? []),
      stepOf(unmount, "prepare", id(`unmount-snapshot-${safeName(origin)}`), { target: at }, "the pass is over"),
      stepOf(removeSnapshot, "prepare", id(`remove-snapshot-${safeName(origin)}`), { snapshot, tags }, "a snapshot slows its volume down"),
    ];
  });
}

/** Bytes for a snapshot of a classic volume; undefined for a thin one, which needs none set aside. */
export function snapshotBytes(
  size: SnapshotSize, state: HostState, origin: string, extentBytes: number,
): number | undefined {
  const volume = state.volumes[origin];
  if (volume === undefined || volume.kind === "thin") return undefined;
  return snapshotRoom(size, volume.bytes, extentBytes);
}

/** What the steps of one disk share: links and mount points under the guest's run directory. */
export function diskPaths(domain: string, vdev: string): DiskMove["paths"] {
  const base = `${runDirectory(domain)}/${safeName(vdev)}`;
  return { link: `${base}/image`, marks: `${base}/marks`, source: `${base}/source`, target: `${base}/target` };
}
