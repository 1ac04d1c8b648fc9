import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import type { Step } from "../model/step.js";
import type { SwitchOver } from "../strategies/strategy.js";
import { leaveSteps, mappingsOf } from "../switches/leave.js";
import type { Leaving } from "../switches/leave.js";
import type { DerivedConfigs } from "../switches/mirrored.js";
import { secondSwitchOf } from "../switches/second-switch.js";
import type { DiskChange } from "../xl/edit.js";
import { editOpened, openConfig } from "../xl/edit.js";
import { derivedOf, ontoDevice } from "./derived-configs.js";
import type { Sha256 } from "./digest.js";

/** The steps that take a guest off the mappings that an earlier run left it on. */
export function leave(
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
