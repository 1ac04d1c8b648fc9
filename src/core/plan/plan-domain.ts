import { createTwoFilesPatch } from "diff";
import { givenUp } from "../model/change.js";
import type { FinishMove, MoveChange, MoveDisk } from "../model/change.js";
import type { DesiredDomain, MoveOptions } from "../model/desired.js";
import { hasErrors } from "../model/diagnostic.js";
import type { Checked, Diagnostic } from "../model/diagnostic.js";
import type { Domain, DomainConfig } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { mappingAt } from "../model/mapping.js";
import { safeName, unzeroedOf, volumePath } from "../model/names.js";
import type { Fill } from "../model/names.js";
import { servedFrom } from "../model/qemu.js";
import type { Step } from "../model/step.js";
import type { ConfigChange, DomainPlan, PlanNode } from "../model/plan.js";
import { checks } from "../checks/registry.js";
import type { Check, CheckContext } from "../checks/check.js";
import { laidOver } from "../checks/image-laid-over.js";
import { usersOfImage } from "../checks/users.js";
import { foundByMove } from "../diff/found-by-move.js";
import { otherFileSystem } from "../model/storage.js";
import type { Image } from "../model/storage.js";
import { removeBootUnit } from "../steps/boot-unit.js";
import type { EditConfig } from "../steps/edit-config.js";
import { guard } from "../steps/guard.js";
import { adoptFormer } from "../steps/former-volume.js";
import { closeNode } from "../steps/qemu-mirror.js";
import { stepOf } from "../steps/step-of.js";
import { tidy } from "../steps/tidy.js";
import { chooseWay } from "../strategies/choose.js";
import { retiredName, settleSteps } from "../strategies/settle.js";
import { LAST_PASS } from "../strategies/strategy.js";
import type { DiskMove, Fragments, Strategy, SwitchOver } from "../strategies/strategy.js";
import type { DerivedConfigs } from "../switches/mirrored.js";
import { awaitsReboot, derivedPath, mirroredSteps, sitsOnMappings } from "../switches/mirrored.js";
import { clearSteps, leftBehind } from "../switches/clear.js";
import { overhead } from "../switches/overhead.js";
import type { DomainMove } from "../switches/restart.js";
import { pivotedSteps } from "../switches/pivoted.js";
import { diskPaths, restartSteps } from "../switches/restart.js";
import { leaveSteps, mappingsOf } from "../switches/leave.js";
import type { Leaving } from "../switches/leave.js";
import { leavingBy, secondSwitchOf } from "../switches/second-switch.js";
import type { Derived } from "../switches/take-over.js";
import { deriveConfig } from "../xl/derive.js";
import type { ConfigEdit, DiskChange, EditableConfig } from "../xl/edit.js";
import { editOpened, openConfig } from "../xl/edit.js";
import { redact } from "../xl/secrets.js";
import { bindingsOf } from "./bindings.js";
import { estimate } from "./estimate.js";
import { rehearsalOf } from "./plan-rehearsal.js";
import { sameVdev } from "../xl/vdev.js";

/** Hex SHA-256 of a text's UTF-8 form: the core computes nothing of that kind itself. */
export type Sha256 = (text: string) => string;

export interface PlannedDomain {
  /** Undefined where nothing is to be done, or an error forbids it. */
  readonly plan?: DomainPlan;
  readonly diagnostics: readonly Diagnostic[];
}

const ALL: readonly Check[] = Object.values(checks);
const ALWAYS = ALL.filter((check) => check.always === true);

interface Chosen {
  readonly move: DiskMove;
  readonly strategy: Strategy;
  readonly fragments: Fragments;
}

/** All that has to be done to one guest, from what differs: strategies, steps, estimates and checks. */
export function planDomain(
  desired: DesiredDomain, changes: readonly MoveChange[], state: HostState, sha256: Sha256,
): PlannedDomain {
  const domain = state.domains[desired.name];
  if (domain === undefined) return { diagnostics: [] };
  const moves = changes.filter((change): change is MoveDisk => change.change === "move-disk");
  const finishes = changes.filter((change): change is FinishMove => change.change === "finish-move");
  const options = optionsOf(desired);
  const context = (more: Partial<CheckContext>): CheckContext => ({
    state, domain, desired, options, moves, choices: [], nodes: [],
    estimate: { copyBytes: 0, seconds: 0, spaceNeeded: [], downtimeSeconds: 0, budgetSeconds: -1, parts: [] }, ...more,
  });

  if (changes.length === 0) {
    return { diagnostics: runChecks(context({}), ALWAYS) };
  }
  const running = domain.running !== undefined;
  const moveOf = (change: MoveDisk, switchOver: SwitchOver): DiskMove => ({
    change, options: { ...options, ...change.wish.move }, paths: diskPaths(domain.name, change.vdev), running, switchOver,
    live: running && change.image.on !== undefined && !(options.offline === true && state.modules["dm_snapshot"] === "missing"),
    mapped: domain.running?.attached.some((disk) => sameVdev(disk.vdev, change.vdev) && mappingAt(disk.params, state) !== undefined) ?? false,
  });
  const { switchOver, switchChoice, disks, choices, diagnostics: unchosen } = chooseWay({ desired, domain, changes: moves, moveOf, state });
  const chosen = disks.map(({ move, strategy }): Chosen => ({ move, strategy, fragments: strategy.fragments(move, state) }));
  const diagnostics: Diagnostic[] = [...unchosen];
  const edit = moves.length === 0 ? undefined : editOf(domain, moves, sha256);
  diagnostics.push(...(edit?.diagnostics ?? []));
  const mirrored = chosen.some(({ fragments }) => fragments.mirror !== undefined);
  const pivoted = chosen.some(({ fragments }) => fragments.pivot !== undefined);
  const derived = mirrored && edit?.edit !== undefined ? deriveConfigs(domain, chosen, edit, sha256) : undefined;
  diagnostics.push(...(derived?.diagnostics ?? []).map((d) => ({ ...d, at: desired.at, subject: { host: state.host.name, domain: domain.name } })));
  const rehearsed = rehearsalOf(domain, chosen, edit?.opened, options, state, sha256);
  diagnostics.push(...rehearsed.diagnostics.map((d) => ({ ...d, at: desired.at, subject: { host: state.host.name, domain: domain.name } })));
  if (hasErrors(diagnostics) || (moves.length > 0 && edit?.edit === undefined)) {
    return { diagnostics: [...diagnostics, ...runChecks(context({ choices }))] };
  }

  diagnostics.push(...finishes.flatMap((finish) => againstSettling(finish, domain, state)));
  if (hasErrors(diagnostics)) return { diagnostics };
  const left = moves.length === 0 && finishes.some((finish) => finish.leaves !== undefined) ? leavingBy(desired, domain, state) : undefined;
  const leaving = left === undefined ? undefined : leave({ domain, desired, options, switchOver: left.switchOver }, state, sha256);
  diagnostics.push(...(leaving?.diagnostics ?? []).map((d) => ({ ...d, at: desired.at, subject: { host: state.host.name, domain: domain.name } })));
  if (hasErrors(diagnostics)) return { diagnostics };

  if (mirrored && switchOver === "next-reboot" && awaitsReboot({ domain, moves: chosen }) && !sitsOnMappings({ domain, moves: chosen })) {
    return { diagnostics: [...diagnostics, waiting(domain, desired, state), ...runChecks(context({ choices }))] };
  }
  const { shutdown, start } = overhead(domain, state);
  const nodes: readonly PlanNode[] = (() => {
    if (edit?.edit === undefined) return finishing(domain, finishes, leaving?.steps ?? [], state);
    const move: DomainMove = {
      domain, desired, moves: chosen, options, edit: edit.edit,
      // a guest that is taken over, or started anew, has another QEMU then
      unsettled: [
        ...(pivoted ? closing(domain, finishes, state) : []), ...settling(domain.name, finishes, state),
        ...(pivoted ? [] : leftBehind({ domain, moves: chosen }, state)),
      ],
      overheadSeconds: Math.ceil(shutdown.seconds + start.seconds + unmeasured(chosen, state)),
      ...(rehearsed.rehearsal === undefined ? {} : { rehearsal: rehearsed.rehearsal }),
    };
    const steps = pivoted
      ? pivotedSteps(move, state)
      : mirrored
      ? mirroredSteps({
        ...move, switchOver, secondSwitch: secondSwitchOf(options, domain, switchOver, state),
        ...(derived?.configs === undefined ? {} : { derived: derived.configs }),
      }, state)
      : restartSteps(move, state);
    return [...adopting(moves, pivoted || mirrored ? "blocks" : "files"), ...clearSteps(move, state), ...steps];
  })();
  const awaits = mirrored && running && switchOver === "next-reboot" && !sitsOnMappings({ domain, moves: chosen });
  const estimated = estimate({ domain, switchOver: leaving?.switchOver ?? switchOver, moves: chosen, options, state, leaves: leaving !== undefined });
  diagnostics.push(...runChecks(context({ choices, nodes, estimate: estimated })));
  if (hasErrors(diagnostics)) return { diagnostics };
  return {
    diagnostics,
    plan: {
      domain: domain.name, changes, nodes, choices, estimate: estimated,
      ...(left !== undefined
        ? { switchOver: left.switchChoice }
        : mirrored && running && !sitsOnMappings({ domain, moves: chosen }) ? { switchOver: switchChoice } : {}),
      bindings: bindingsOf(domain, changes, state),
      digest: wishDigest(desired, sha256),
      ...(options.throttle?.ioWeight === undefined ? {} : { ioWeight: options.throttle.ioWeight }),
      ...(awaits ? { awaits: "reboot" as const } : edit?.diff === undefined ? {} : { configDiff: edit.diff }),
    },
  };
}

/** Seconds that the guest waits for what no pass measures before: a disk that has none, and the check of a copy. */
function unmeasured(chosen: readonly Chosen[], state: HostState): number {
  return chosen
    .flatMap(({ move, strategy, fragments }) =>
      strategy.forecast(move, state).held.filter(({ what }) => fragments.pass === undefined || what !== LAST_PASS))
    .reduce((sum, { seconds }) => sum + seconds, 0);
}

/** Volumes that the guest was on before, and that nothing is on alone. */
function adopting(moves: readonly MoveDisk[], fill: Fill): readonly Step[] {
  return moves.filter(({ to }) => to.former).map(({ domain, vdev, to }) => stepOf(
    adoptFormer, "prepare", `${safeName(vdev)}.adopt-former`, { volume: to.volume, domain, vdev, fill }, "the guest has been on it before",
  ));
}

function settling(domain: string, finishes: readonly FinishMove[], state: HostState): readonly Step[] {
  return finishes.flatMap((finish) => {
    const { vdev, volume, image, wish } = finish;
    const given = givenUp(finish, state.images);
    return settleSteps({
      domain, vdev, volume, image, source: wish.move.source, keepForSeconds: wish.move.keepForSeconds, unzeroed: unzeroedOf(state.volumes[volume]?.tags ?? []),
      ...(given === undefined ? {} : { looked: { domain, inode: given.inode, devno: given.devno } }),
    });
  });
}

/** Images that the guest's QEMU went away from, and still has open: nothing is done to one before, or what is deleted keeps its room. */
function closing({ name: domain, running }: Domain, finishes: readonly FinishMove[], state: HostState): readonly Step[] {
  const open = (running?.qemu?.nodes ?? []).filter(({ node, path, driver }) =>
    driver !== "file" && finishes.some(({ image }) => image !== undefined && (path === image || state.images[path]?.realPath === image)) &&
    !(running?.attached.some((disk) => disk.open?.node === node) ?? false));
  return open.map(({ node, path }) =>
    stepOf(closeNode, "settle", `close-${safeName(node)}`, { domain, node, path }, "QEMU needs it no more"));
}

/** A move that went through but was not tidied up: what is left of it to do. */
function finishing(
  guest: Domain, finishes: readonly FinishMove[], leaving: readonly Step[], state: HostState,
): readonly PlanNode[] {
  const { name: domain, running } = guest;
  // a guest that sits on a mapping needs it at the next boot too
  const mapped = running?.attached.some((disk) => mappingAt(servedFrom(disk), state) !== undefined) ?? false;
  return [
    // a switch has a look of its own
    ...(leaving.length === 0 ? stillThere(guest, finishes, state) : []),
    ...leaving,
    ...closing(guest, finishes, state),
    // what has been settled and is only left has no copy's mark any more
    ...settling(domain, finishes.filter(({ volume }) => state.volumes[volume]?.tags.includes("converge.role=copy") === true), state),
    ...(mapped ? [] : [stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain }, "the switch is over")]),
    stepOf(tidy, "finish", "tidy", { domain }, "nothing of the run stays"),
  ];
}

/** What else is looked at again before anything is settled: a run that had died may have been taken back since, and its guest be on the image. */
function stillThere({ name, config, running }: Domain, finishes: readonly FinishMove[], state: HostState): readonly Step[] {
  if (config === undefined) return [];
  return [stepOf(guard, "prepare", "guard", {
    domain: name, bootId: state.host.bootId, config: { path: config.path, sha256: config.sha256 },
    ...(running === undefined ? {} : { running: { domid: running.domid, uuid: running.uuid } }),
    images: finishes.flatMap((finish) => {
      const image = givenUp(finish, state.images);
      return image === undefined ? [] : [{ path: image.path, inode: image.inode, devno: image.devno }];
    }),
  }, "what is settled can not be taken back")];
}

/** What lies under the image's name by now may be something else, or somebody's. */
function againstSettling(finish: FinishMove, domain: Domain, state: HostState): readonly Diagnostic[] {
  const image = givenUp(finish, state.images);
  if (image === undefined) return [];
  const { vdev, volume, wish } = finish;
  const problem = (code: string, summary: string, detail: string, fix: string): Diagnostic =>
    ({ severity: "error", code, at: wish.at, subject: { host: state.host.name, domain: domain.name, vdev }, summary, detail, fix });
  const users = usersOfImage(image, { domain: domain.name, vdev }, state);
  if (users.length > 0) {
    return [problem(
      "image-shared", `${image.path} is used by others, and source: ${wish.move.source ?? "keep"} would take it from them`, users.join("\n"),
      "Say `source: keep`, or let nobody have it.",
    )];
  }
  const below = laidOver(image, wish.move.source, state);
  if (below !== undefined) return [problem("image-laid-over", below.summary, below.detail, below.fix)];
  const retired = retiredName(image.realPath);
  if (wish.move.source === "retire" && Object.hasOwn(state.images, retired)) {
    return [problem(
      "retired-name-taken", `${retired} is there already, and ${image.path} is to have that name when it is retired`,
      "no file is overwritten", "Move it out of the way, or say `source: keep`.",
    )];
  }
  const differs = otherThanMoved(image, volume, state);
  if (differs === undefined) return [];
  return [problem(
    "source-changed", `${image.path} is not the image any more that ${vdev} of ${domain.name} came from`,
    differs, "Look at what it is, and say `source: keep`.",
  )];
}

/**
 * How it is seen that it is not the file that the guest was moved off; undefined where it may well be that one. A UUID alone does not say
 * so of what is to be given up: a backup of the image that somebody has put in its place has the same.
 */
function otherThanMoved(image: Image, volume: string, state: HostState): string | undefined {
  if (otherFileSystem(image.content, state.volumes[volume]?.content)) return `it holds another file system than ${volume}`;
  const noted = foundByMove(volume, (path) => state.images[path]?.realPath === image.realPath, state);
  return noted === undefined || noted.inode === image.inode ? undefined : "the run that moved its guest off it found another file under this name";
}

function waiting({ name }: Domain, desired: DesiredDomain, state: HostState): Diagnostic {
  return {
    severity: "note", code: "awaits-reboot", at: desired.at, subject: { host: state.host.name, domain: name },
    summary: `${name} moves on when it has rebooted itself`,
    fix: "Reboot it from inside when it suits you, and run this again.",
  };
}

interface DerivedOf {
  readonly configs?: DerivedConfigs;
  readonly diagnostics: readonly Diagnostic[];
}

/** The steps that take a guest off the mappings that an earlier run left it on. */
function leave(
  guest: Pick<Leaving, "domain" | "desired" | "options"> & { readonly switchOver: SwitchOver }, state: HostState, sha256: Sha256,
): { readonly steps: readonly Step[]; readonly switchOver: SwitchOver; readonly diagnostics: readonly Diagnostic[] } {
  const { domain, switchOver } = guest;
  const { config, running } = domain;
  if (config === undefined || running === undefined || switchOver === "next-reboot") return { steps: [], switchOver, diagnostics: [] };
  const { value: opened, diagnostics } = openConfig(config.text);
  if (opened === undefined) return { steps: [], switchOver, diagnostics };
  const derive = (which: keyof DerivedConfigs, wanted: readonly DiskChange[]) =>
    derivedOf(domain, which, opened, editOpened(opened, wanted), sha256);
  const from = derive("next", mappingsOf(domain, state).map(({ vdev, path }) => ontoDevice(vdev, path)));
  const to = derive("stored", []);
  if (from.derived === undefined || to.derived === undefined) return { steps: [], switchOver, diagnostics: [...from.diagnostics, ...to.diagnostics] };
  const secondSwitch = secondSwitchOf(guest.options, domain, switchOver, state);
  const steps = leaveSteps({ ...guest, config, switchOver, secondSwitch, from: from.derived, to: to.derived }, state);
  return { steps, switchOver, diagnostics: [] };
}

function derivedOf(
  { name, config, running }: Domain, which: keyof DerivedConfigs, opened: EditableConfig, from: Checked<ConfigEdit>, sha256: Sha256,
): { readonly derived?: Derived; readonly diagnostics: readonly Diagnostic[] } {
  if (config === undefined || running === undefined) return { diagnostics: [] };
  const identity = { uuid: running.uuid, macs: running.macs ?? [], passedThrough: running.passedThrough === true };
  const { value, diagnostics } = from.value === undefined ? from : deriveConfig(opened, from.value, identity);
  if (value === undefined) return { diagnostics };
  const edits = value.edits.map(({ byteStart, byteEnd, text }) => ({ start: byteStart, end: byteEnd, text }));
  return {
    diagnostics,
    derived: {
      disks: value.disks,
      file: { from: config.path, before: config.sha256, to: derivedPath(name, which), after: sha256(value.after.text), edits },
    },
  };
}

/**
 * A disk on a device that mirrors it. What the guest discards there would punch holes into an image that was looked at for holes,
 * and make image and volume differ that are to be equal. The config in /etc/xen says nothing of it: it names image or volume.
 */
function ontoDevice(vdev: string, device: string): DiskChange {
  return { vdev, device, discards: false };
}

/** The configs that take a running guest onto its mappings and stay with xl afterwards. */
function deriveConfigs(domain: Domain, chosen: readonly Chosen[], { opened, edited }: Edited, sha256: Sha256): DerivedOf {
  const { config, running } = domain;
  if (config === undefined || running === undefined || opened === undefined) return { diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  const derive = (which: keyof DerivedConfigs, from: Checked<ConfigEdit>): Derived | undefined => {
    const { derived, diagnostics: found } = derivedOf(domain, which, opened, from, sha256);
    if (derived === undefined && diagnostics.length === 0) diagnostics.push(...found);
    return derived;
  };
  const onto = chosen.map(({ move: { change: { vdev, to } }, fragments: { mirror } }): DiskChange =>
    mirror === undefined ? { vdev, device: volumePath(to.volume) } : ontoDevice(vdev, mirror.onto));
  const before = derive("before", editOpened(opened, []));
  const next = derive("next", editOpened(opened, onto));
  const stored = derive("stored", { value: edited, diagnostics: [] });
  if (before === undefined || next === undefined || stored === undefined) return { diagnostics };
  return { configs: { before, next, stored }, diagnostics };
}

/** What belongs to the guest as a whole comes from the guest; where disks differ in the rest, each has its own. */
function optionsOf(desired: DesiredDomain): MoveOptions {
  return desired.move;
}

/** Who wishes the same has the same digest, whatever the host looks like meanwhile: a run that is half-way included. */
export function wishDigest(desired: DesiredDomain, sha256: Sha256): string {
  const disks = desired.disks.map(({ vdev, volume, bytes, filesystem, move }) => ({
    vdev, volume, bytes: bytes ?? null, filesystem: filesystem ?? null, move,
  }));
  return sha256(JSON.stringify({ domain: desired.name, disks, ready: desired.ready ?? null, move: desired.move }));
}

interface Edited {
  readonly opened?: EditableConfig;
  /** With the disks on their volumes. */
  readonly edited?: ConfigEdit;
  readonly edit?: EditConfig;
  readonly diff?: ConfigChange;
  readonly diagnostics: readonly Diagnostic[];
}

function editOf(domain: Domain, moves: readonly MoveDisk[], sha256: Sha256): Edited {
  const { config } = domain;
  if (config === undefined) return { diagnostics: [] };
  const wanted = moves.map(({ vdev, to }) => ({ vdev, device: volumePath(to.volume) }));
  const opened = openConfig(config.text);
  if (opened.value === undefined) return { diagnostics: opened.diagnostics };
  const { value, diagnostics } = editOpened(opened.value, wanted);
  if (value === undefined) return { diagnostics };
  return {
    diagnostics, opened: opened.value, edited: value,
    edit: {
      domain: domain.name, path: config.path, before: config.sha256, after: sha256(value.after.text),
      edits: value.edits.map(({ byteStart, byteEnd, text }) => ({ start: byteStart, end: byteEnd, text })),
      disks: value.disks, oldDisks: config.disks,
    },
    diff: configChange(config, value.after.text),
  };
}

/** The diff is made when somebody looks at it: of most plans nobody does. */
export function configChange({ path, text: { text: before } }: DomainConfig, after: string): ConfigChange {
  let made: string | undefined;
  return { path, get diff() { return made ??= configDiff(path, before, after); } };
}

function configDiff(path: string, before: string, after: string): string {
  const patch = createTwoFilesPatch(path, path, redact(before), redact(after), "", "", { context: 2 });
  // the library's first line is a separator that says nothing
  return patch.replace(/^=+\n/, "");
}

/** What checks find: all of them, or the given ones. An error among it forbids the plan. */
export function runChecks(context: CheckContext, which: readonly Check[] = ALL): readonly Diagnostic[] {
  const host = context.state.host.name;
  const domain = context.domain.name;
  return which.flatMap((check) =>
    check.run(context).map(({ vdev, severity, ...finding }) => ({
      ...finding,
      severity: severity ?? "error",
      code: check.code,
      subject: { host, domain, ...(vdev === undefined ? {} : { vdev }) },
    })),
  );
}
