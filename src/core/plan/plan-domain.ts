import { createTwoFilesPatch } from "diff";
import type { FinishMove, MoveChange, MoveDisk } from "../model/change.js";
import type { DesiredDomain, MoveOptions } from "../model/desired.js";
import { hasErrors } from "../model/diagnostic.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Domain, DomainConfig } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { mappingAt } from "../model/mapping.js";
import { safeName, volumePath } from "../model/names.js";
import { servedFrom } from "../model/qemu.js";
import type { Step } from "../model/step.js";
import type { ConfigChange, DomainPlan, PlanNode, StrategyChoice } from "../model/plan.js";
import { checks } from "../checks/registry.js";
import type { CheckContext } from "../checks/check.js";
import { removeBootUnit } from "../steps/boot-unit.js";
import type { EditConfig } from "../steps/edit-config.js";
import { adoptFormer } from "../steps/former-volume.js";
import { closeNode } from "../steps/qemu-mirror.js";
import { stepOf } from "../steps/step-of.js";
import { tidy } from "../steps/tidy.js";
import { chooseStrategy } from "../strategies/choose.js";
import { settleSteps } from "../strategies/settle.js";
import type { DiskMove, Fragments, SwitchOver } from "../strategies/strategy.js";
import { chooseSwitch } from "../switches/choose.js";
import type { DerivedConfigs } from "../switches/mirrored.js";
import { awaitsReboot, derivedPath, mirroredSteps, sitsOnMappings } from "../switches/mirrored.js";
import type { DomainMove } from "../switches/restart.js";
import { pivotedSteps } from "../switches/pivoted.js";
import { diskPaths, restartSteps } from "../switches/restart.js";
import type { Derived } from "../switches/take-over.js";
import { deriveConfig } from "../xl/derive.js";
import { editDisks } from "../xl/edit.js";
import { redact } from "../xl/secrets.js";
import { bindingsOf } from "./bindings.js";
import { downtimeOf, estimate, overhead } from "./estimate.js";

/** Hex SHA-256 of a text's UTF-8 form: the core computes nothing of that kind itself. */
export type Sha256 = (text: string) => string;

export interface PlannedDomain {
  /** Undefined where nothing is to be done, or an error forbids it. */
  readonly plan?: DomainPlan;
  readonly diagnostics: readonly Diagnostic[];
}

interface Chosen {
  readonly move: DiskMove;
  readonly fragments: Fragments;
}

/** All that has to be done to one guest, from what differs: strategies, steps, estimates and checks. */
export function planDomain(
  desired: DesiredDomain, changes: readonly MoveChange[], state: HostState, sha256: Sha256,
): PlannedDomain {
  const domain = state.domains[desired.name];
  if (domain === undefined || changes.length === 0) return { diagnostics: [] };
  const moves = changes.filter((change): change is MoveDisk => change.change === "move-disk");
  const finishes = changes.filter((change): change is FinishMove => change.change === "finish-move");
  const options = optionsOf(desired);
  const context = (more: Partial<CheckContext>): CheckContext => ({
    state, domain, desired, options, moves, choices: [], nodes: [],
    estimate: { copyBytes: 0, spaceNeeded: [], downtimeSeconds: 0, budgetSeconds: -1, parts: [] }, ...more,
  });

  const running = domain.running !== undefined;
  // what strategies can do depends on how the guest is taken over, and that on what they do: a restart suits them all
  const first = chooseStrategies(moves, domain, options, state, "restart");
  const byMirrors = first.chosen.some(({ fragments }) => fragments.mirror !== undefined)
    && first.chosen.every(({ fragments }) => fragments.atRest.length === 0);
  const { switchOver, choice: switchChoice } = chooseSwitch(
    desired, domain, state, byMirrors, (how) => downtimeOf(domain, state, how),
  );
  const { chosen, choices, diagnostics } = switchOver === "restart"
    ? first
    : chooseStrategies(moves, domain, options, state, switchOver);
  const edit = moves.length === 0 ? undefined : editOf(domain, moves, sha256);
  diagnostics.push(...(edit?.diagnostics ?? []));
  const mirrored = chosen.some(({ fragments }) => fragments.mirror !== undefined);
  const pivoted = chosen.some(({ fragments }) => fragments.pivot !== undefined);
  if (mirrored || pivoted) diagnostics.push(...mixed(chosen, desired, state));
  const derived = mirrored && edit?.edit !== undefined ? deriveConfigs(domain, chosen, sha256) : undefined;
  diagnostics.push(...(derived?.diagnostics ?? []).map((d) => ({ ...d, at: desired.at, subject: { host: state.host.name, domain: domain.name } })));
  if (hasErrors(diagnostics) || (moves.length > 0 && edit?.edit === undefined)) {
    return { diagnostics: [...diagnostics, ...runChecks(context({ choices }))] };
  }

  if (mirrored && switchOver === "next-reboot" && awaitsReboot({ domain, moves: chosen }) && !sitsOnMappings({ domain, moves: chosen })) {
    return { diagnostics: [...diagnostics, waiting(domain, desired, state), ...runChecks(context({ choices }))] };
  }
  const { shutdown, start } = overhead(domain, state);
  const nodes: readonly PlanNode[] = (() => {
    if (edit?.edit === undefined) return finishing(domain, finishes, state);
    const move: DomainMove = {
      domain, desired, moves: chosen, options, edit: edit.edit, unsettled: settling(domain.name, finishes),
      overheadSeconds: Math.ceil(shutdown.seconds + start.seconds),
    };
    const steps = pivoted
      ? pivotedSteps(move, state)
      : mirrored
      ? mirroredSteps({ ...move, switchOver, ...(derived?.configs === undefined ? {} : { derived: derived.configs }) }, state)
      : restartSteps(move, state);
    return [...adopting(moves), ...steps];
  })();
  const awaits = mirrored && running && switchOver === "next-reboot" && !sitsOnMappings({ domain, moves: chosen });
  const takenOver = running && !pivoted && moves.length > 0 && !awaits && !(mirrored && sitsOnMappings({ domain, moves: chosen }));
  const estimated = estimate({ domain, takenOver, switchOver, moves: chosen, options, state });
  diagnostics.push(...runChecks(context({ choices, nodes, estimate: estimated })));
  if (hasErrors(diagnostics)) return { diagnostics };
  return {
    diagnostics,
    plan: {
      domain: domain.name, changes, nodes, choices, estimate: estimated,
      ...(mirrored && (takenOver || awaits) ? { switchOver: switchChoice } : {}),
      bindings: bindingsOf(domain, changes, state),
      digest: sha256(JSON.stringify(wishOf(desired, changes))),
      ...(awaits ? { awaits: "reboot" as const } : edit?.diff === undefined ? {} : { configDiff: edit.diff }),
    },
  };
}

/** What brings each disk to its volume, where the guest is taken over like this. */
function chooseStrategies(
  moves: readonly MoveDisk[], domain: Domain, options: MoveOptions, state: HostState, switchOver: SwitchOver,
): { readonly chosen: readonly Chosen[]; readonly choices: readonly StrategyChoice[]; readonly diagnostics: Diagnostic[] } {
  const running = domain.running !== undefined;
  const chosen: Chosen[] = [];
  const choices: StrategyChoice[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const change of moves) {
    const live = running && change.image.on !== undefined && options.offline !== true;
    const move: DiskMove = {
      change, options: { ...options, ...change.wish.move }, paths: diskPaths(domain.name, change.vdev), live, running, switchOver,
    };
    const { strategy, choice, diagnostics: found } = chooseStrategy(move, state);
    choices.push(choice);
    diagnostics.push(...found);
    if (strategy !== undefined) chosen.push({ move, fragments: strategy.fragments(move, state) });
  }
  return { chosen, choices, diagnostics };
}

/** Volumes that the guest was on before, and that nothing is on alone. */
function adopting(moves: readonly MoveDisk[]): readonly Step[] {
  return moves.filter(({ to }) => to.former).map(({ domain, vdev, to }) => stepOf(
    adoptFormer, "prepare", `${safeName(vdev)}.adopt-former`, { volume: to.volume, domain, vdev }, "the guest has been on it before",
  ));
}

function settling(domain: string, finishes: readonly FinishMove[]): readonly Step[] {
  return finishes.flatMap(({ vdev, volume, image, wish }) =>
    settleSteps({ domain, vdev, volume, image, source: wish.move.source }),
  );
}

/** A move that went through but was not tidied up: what is left of it to do. */
function finishing({ name: domain, running }: Domain, finishes: readonly FinishMove[], state: HostState): readonly PlanNode[] {
  // an image that the guest's QEMU went away from, and still has open
  const open = (running?.qemu?.nodes ?? []).filter(({ node, path, driver }) =>
    driver !== "file" && finishes.some(({ image }) => image !== undefined && (path === image || state.images[path]?.realPath === image)) &&
    !(running?.attached.some((disk) => disk.open?.node === node) ?? false));
  // a guest that sits on a mapping needs it at the next boot too
  const mapped = running?.attached.some((disk) => mappingAt(servedFrom(disk), state) !== undefined) ?? false;
  return [
    ...open.map(({ node, path }) =>
      stepOf(closeNode, "settle", `close-${safeName(node)}`, { domain, node, path }, "QEMU needs it no more")),
    ...settling(domain, finishes),
    ...(mapped ? [] : [stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain }, "the switch is over")]),
    stepOf(tidy, "finish", "tidy", { domain }, "nothing of the run stays"),
  ];
}

function waiting({ name }: Domain, desired: DesiredDomain, state: HostState): Diagnostic {
  return {
    severity: "note", code: "awaits-reboot", at: desired.at, subject: { host: state.host.name, domain: name },
    summary: `${name} moves on when it has rebooted itself`,
    fix: "Reboot it from inside when it suits you, and run this again.",
  };
}

/** Files need a guest that is down for the last pass, mirrors one that runs: one guest is not both. */
function mixed(chosen: readonly Chosen[], desired: DesiredDomain, state: HostState): readonly Diagnostic[] {
  const pivoted = chosen.filter(({ fragments }) => fragments.pivot !== undefined).map(({ move }) => move.change.vdev);
  if (pivoted.length > 0) {
    const others = chosen.filter(({ fragments }) => fragments.pivot === undefined).map(({ move }) => move.change.vdev);
    return others.length === 0 ? [] : [
      {
        severity: "error", code: "mixed-strategies", at: desired.at, subject: { host: state.host.name, domain: desired.name },
        summary: `${desired.name} would have ${pivoted.join(", ")} mirrored by QEMU, and ${others.join(", ")} moved in another way`,
        detail: "QEMU goes over to the volumes of all disks at once while the guest runs, and every other way takes the guest elsewhere",
        fix: "Give all disks of the guest one strategy, or move them by two playbooks one after the other.",
      },
    ];
  }
  const copied = chosen.filter(({ fragments }) => fragments.atRest.length > 0).map(({ move }) => move.change.vdev);
  if (copied.length === 0) return [];
  const others = chosen.filter(({ fragments }) => fragments.mirror !== undefined).map(({ move }) => move.change.vdev);
  return [
    {
      severity: "error", code: "mixed-strategies", at: desired.at, subject: { host: state.host.name, domain: desired.name },
      summary: `${desired.name} would have ${copied.join(", ")} copied and ${others.join(", ")} mirrored`,
      detail: "a copy is finished while the guest is down, a mirror while it runs",
      fix: "Give all disks of the guest one strategy, or move them by two playbooks one after the other.",
    },
  ];
}

interface DerivedOf {
  readonly configs?: DerivedConfigs;
  readonly diagnostics: readonly Diagnostic[];
}

/** The configs that take a running guest onto its mappings and stay with xl afterwards. */
function deriveConfigs(domain: Domain, chosen: readonly Chosen[], sha256: Sha256): DerivedOf {
  const { config, running } = domain;
  if (config === undefined || running === undefined) return { diagnostics: [] };
  const identity = { uuid: running.uuid, macs: running.macs ?? [] };
  const diagnostics: Diagnostic[] = [];
  const derive = (which: keyof DerivedConfigs, device: (one: Chosen) => string | undefined): Derived | undefined => {
    const wanted = chosen.flatMap((one) => {
      const path = device(one);
      return path === undefined ? [] : [{ vdev: one.move.change.vdev, device: path }];
    });
    const { value, diagnostics: found } = deriveConfig(config.text, wanted, identity);
    if (value === undefined) {
      if (diagnostics.length === 0) diagnostics.push(...found);
      return undefined;
    }
    const edits = value.edits.map(({ byteStart, byteEnd, text }) => ({ start: byteStart, end: byteEnd, text }));
    const file = {
      from: config.path, before: config.sha256, to: derivedPath(domain.name, which), after: sha256(value.after.text), edits,
    };
    return { file, disks: value.disks };
  };
  const volume = ({ move }: Chosen): string => volumePath(move.change.to.volume);
  const before = derive("before", () => undefined);
  const next = derive("next", (one) => one.fragments.mirror?.onto ?? volume(one));
  const stored = derive("stored", volume);
  if (before === undefined || next === undefined || stored === undefined) return { diagnostics };
  return { configs: { before, next, stored }, diagnostics };
}

/** What belongs to the guest as a whole comes from the guest; where disks differ in the rest, each has its own. */
function optionsOf(desired: DesiredDomain): MoveOptions {
  return desired.move;
}

/** Who wishes the same has the same digest, whatever the host looks like meanwhile. */
function wishOf(desired: DesiredDomain, changes: readonly MoveChange[]): unknown {
  const disks = changes.map((change) => ({
    vdev: change.vdev, volume: change.wish.volume, bytes: change.wish.bytes ?? null,
    filesystem: change.wish.filesystem ?? null, move: change.wish.move,
  }));
  return { domain: desired.name, disks, ready: desired.ready ?? null, move: desired.move };
}

function editOf(
  domain: Domain, moves: readonly MoveDisk[], sha256: Sha256,
): { readonly edit?: EditConfig; readonly diff?: ConfigChange; readonly diagnostics: readonly Diagnostic[] } {
  const { config } = domain;
  if (config === undefined) return { diagnostics: [] };
  const wanted = moves.map(({ vdev, to }) => ({ vdev, device: volumePath(to.volume) }));
  const { value, diagnostics } = editDisks(config.text, wanted);
  if (value === undefined) return { diagnostics };
  return {
    diagnostics,
    edit: {
      domain: domain.name, path: config.path, before: config.sha256, after: sha256(value.after.text),
      edits: value.edits.map(({ byteStart, byteEnd, text }) => ({ start: byteStart, end: byteEnd, text })),
      disks: value.disks, oldDisks: config.disks,
    },
    diff: { path: config.path, diff: configDiff(config, value.after.text) },
  };
}

export function configDiff(config: DomainConfig, after: string): string {
  const patch = createTwoFilesPatch(config.path, config.path, redact(config.text.text), redact(after), "", "", { context: 2 });
  // the library's first line is a separator that says nothing
  return patch.replace(/^=+\n/, "");
}

export function runChecks(context: CheckContext): readonly Diagnostic[] {
  const host = context.state.host.name;
  const domain = context.domain.name;
  return Object.values(checks).flatMap((check) =>
    check.run(context).map(({ vdev, severity, ...finding }) => ({
      ...finding,
      severity: severity ?? "error",
      code: check.code,
      subject: { host, domain, ...(vdev === undefined ? {} : { vdev }) },
    })),
  );
}
