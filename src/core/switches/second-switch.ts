import type { DesiredDomain, MoveOptions, TimeWindow } from "../model/desired.js";
import type { ConfiguredDisk, Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { isOwnPath } from "../model/mapping.js";
import type { SwitchChoice } from "../model/plan.js";
import type { Phase, Step } from "../model/step.js";
import { awaitWindow } from "../steps/await-window.js";
import type { AwaitWindow } from "../steps/await-window.js";
import { stepOf } from "../steps/step-of.js";
import { tenths } from "../strategies/rates.js";
import type { SwitchOver } from "../strategies/strategy.js";
import { IN_ORDER, switchCandidates, switchChoice } from "./choose.js";
import { overheadParts } from "./overhead.js";

/** What takes a guest off the device that mirrored its disk, by a switch of its own. */
export interface SecondSwitch {
  /** When; unset: as soon as it can be. */
  readonly window?: TimeWindow;
  /** What it is reckoned to take. */
  readonly seconds: number;
}

/**
 * How a guest that an earlier run left on its device is taken off it: as the playbook says, or by what is possible now and takes
 * the shortest. There is nothing to copy and no strategy to choose, so it is the switch-over alone that decides.
 */
export function leavingBy(
  desired: DesiredDomain, domain: Domain, state: HostState,
): { readonly switchOver: SwitchOver; readonly switchChoice: SwitchChoice } {
  const { possible, impossible } = switchCandidates(desired, domain, state);
  const seconds = new Map(possible.map((one) => [one, tenths(secondsOf(domain, one, state))] as const));
  const [switchOver = "restart"] = [...possible].sort((a, b) =>
    (seconds.get(a) ?? 0) - (seconds.get(b) ?? 0) || IN_ORDER.indexOf(a) - IN_ORDER.indexOf(b));
  return { switchOver, switchChoice: switchChoice(desired, switchOver, seconds, impossible) };
}

function secondsOf(domain: Domain, switchOver: SwitchOver, state: HostState): number {
  const { before, after } = overheadParts(domain, state, switchOver);
  return before.seconds + after.seconds;
}

/** @param options of the guest */
export function secondSwitchOf({ finish, window }: MoveOptions, domain: Domain, switchOver: SwitchOver, state: HostState): SecondSwitch {
  return { seconds: Math.ceil(secondsOf(domain, switchOver, state)), ...(finish === "window" && window !== undefined ? { window } : {}) };
}

/**
 * The wait before it.
 * @param disks as the guest has them now
 * @param steps of the switch: not done where the guest has left by itself
 */
export function windowStep(
  phase: Phase, { disks, ...wait }: Pick<AwaitWindow, "domain" | "window" | "seconds"> & { readonly disks: readonly ConfiguredDisk[] }, steps: readonly Step[],
): Step {
  return stepOf(
    awaitWindow, phase, "await-window",
    {
      ...wait, passesOver: steps.map(({ id }) => id), ...(steps.some(({ kind }) => kind === "save-guest") ? { inTurn: true as const } : {}),
      disks: disks.filter(({ target }) => isOwnPath(target)).map(({ vdev, target }) => ({ vdev, target })),
    },
    "the guest is to notice it then only",
  );
}
