import type { FinishMove, MoveChange, MoveDisk } from "../model/change.js";
import type { DesiredDomain, MoveOptions } from "../model/desired.js";
import { hasErrors } from "../model/diagnostic.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import { mappingAt } from "../model/mapping.js";
import { safeName } from "../model/names.js";
import type { Fill } from "../model/names.js";
import type { Step } from "../model/step.js";
import type { DomainPlan, PlanNode } from "../model/plan.js";
import type { CheckContext } from "../checks/check.js";
import type { Domain } from "../model/domain.js";
import { adoptFormer } from "../steps/former-volume.js";
import { stepOf } from "../steps/step-of.js";
import { chooseWay } from "../strategies/choose.js";
import { LAST_PASS } from "../strategies/strategy.js";
import type { DiskMove, Fragments, Strategy, SwitchOver } from "../strategies/strategy.js";
import { awaitsReboot, mirroredSteps, sitsOnMappings } from "../switches/mirrored.js";
import { clearSteps, leftBehind } from "../switches/clear.js";
import { overhead } from "../switches/overhead.js";
import type { DomainMove } from "../switches/restart.js";
import { pivotedSteps } from "../switches/pivoted.js";
import { diskPaths, restartSteps } from "../switches/restart.js";
import { leavingBy, secondSwitchOf } from "../switches/second-switch.js";
import { bindingsOf } from "./bindings.js";
import { editOf } from "./config-edit.js";
import { deriveConfigs } from "./derived-configs.js";
import { wishDigest } from "./digest.js";
import type { Sha256 } from "./digest.js";
import { estimate } from "./estimate.js";
import { leave } from "./leave-mappings.js";
import { rehearsalOf } from "./plan-rehearsal.js";
import { ALWAYS, runChecks } from "./run-checks.js";
import { againstSettling, closing, finishing, settling } from "./settle-finished.js";
import { sameVdev } from "../xl/vdev.js";

export interface PlannedDomain {
  /** Undefined where nothing is to be done, or an error forbids it. */
  readonly plan?: DomainPlan;
  readonly diagnostics: readonly Diagnostic[];
}

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

function waiting({ name }: Domain, desired: DesiredDomain, state: HostState): Diagnostic {
  return {
    severity: "note", code: "awaits-reboot", at: desired.at, subject: { host: state.host.name, domain: name },
    summary: `${name} moves on when it has rebooted itself`,
    fix: "Reboot it from inside when it suits you, and run this again.",
  };
}

/** What belongs to the guest as a whole comes from the guest; where disks differ in the rest, each has its own. */
function optionsOf(desired: DesiredDomain): MoveOptions {
  return desired.move;
}
