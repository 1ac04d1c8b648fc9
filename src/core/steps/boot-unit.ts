import { bootUnitName } from "../model/names.js";
import type { StepKind } from "../model/step.js";
import { booksOfRun, bootUnitText, RUN_MARK } from "../model/unit.js";
import { withGhost } from "../model/transform.js";

export interface BootUnit {
  readonly domain: string;
  /** Mappings that have to be there before xendomains restores a guest onto them: while one is in use the unit stays. */
  readonly mappings?: readonly string[];
}

/** From here on a reboot of Dom0 in mid-run takes care of the guest: this unit undoes or completes at boot. */
export const installBootUnit: StepKind<"install-boot-unit", BootUnit> = {
  kind: "install-boot-unit",
  risk: "safe",
  requires: ["systemctl"],
  title: ({ domain }) => `Install ${bootUnitName(domain)}, for a reboot of Dom0 in mid-run`,
  actions: ({ domain }) => [
    {
      verb: ["install_boot_unit", bootUnitName(domain), ...bootUnitText(domain, RUN_MARK)],
      shown: `write and enable /etc/systemd/system/${bootUnitName(domain)}`,
      writes: bootUnitText(domain, booksOfRun(domain, "RUN")),
    },
  ],
  goals: ({ domain }) => [{ goal: "boot-unit", domain }],
  effect: ({ domain }, model) => withGhost(model, { bootUnits: [...model.ghost.bootUnits, domain] }),
  undo: ({ domain, mappings = [] }) => ({
    // also where it was half installed only
    when: mappings.map((name) => ({ goal: "mapping-unused", name }) as const),
    actions: [{ verb: ["remove_boot_unit", bootUnitName(domain)], shown: `disable and remove ${bootUnitName(domain)}` }],
    effect: (model) => removeBootUnit.effect({ domain }, model),
  }),
};

export const removeBootUnit: StepKind<"remove-boot-unit", BootUnit> = {
  kind: "remove-boot-unit",
  risk: "safe",
  requires: ["systemctl"],
  title: ({ domain }) => `Remove ${bootUnitName(domain)}`,
  actions: ({ domain }) => [{ verb: ["remove_boot_unit", bootUnitName(domain)], shown: `disable and remove ${bootUnitName(domain)}` }],
  goals: ({ domain }) => [{ goal: "boot-unit-absent", domain }],
  effect: ({ domain }, model) =>
    withGhost(model, { bootUnits: model.ghost.bootUnits.filter((name) => name !== domain) }),
};
