import type { MoveOptions, TimeWindow } from "../model/desired.js";
import type { ConfiguredDisk, Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { isOwnPath } from "../model/mapping.js";
import type { Phase, Step } from "../model/step.js";
import { awaitWindow } from "../steps/await-window.js";
import type { AwaitWindow } from "../steps/await-window.js";
import { stepOf } from "../steps/step-of.js";
import type { SwitchOver } from "../strategies/strategy.js";
import { overheadParts } from "./overhead.js";

/** What takes a guest off the device that mirrored its disk, by a switch of its own. */
export interface SecondSwitch {
  /** When; unset: as soon as it can be. */
  readonly window?: TimeWindow;
  /** What it is reckoned to take. */
  readonly seconds: number;
}

/** @param options of the guest */
export function secondSwitchOf({ finish, window }: MoveOptions, domain: Domain, switchOver: SwitchOver, state: HostState): SecondSwitch {
  const { before, after } = overheadParts(domain, state, switchOver);
  return { seconds: Math.ceil(before.seconds + after.seconds), ...(finish === "window" && window !== undefined ? { window } : {}) };
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
      ...wait, passesOver: steps.map(({ id }) => id),
      disks: disks.filter(({ target }) => isOwnPath(target)).map(({ vdev, target }) => ({ vdev, target })),
    },
    "the guest is to notice it then only",
  );
}
