import type { DesiredDomain, MoveOptions } from "../model/desired.js";
import type { Domain, DomainConfig } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { mappingAt } from "../model/mapping.js";
import type { Step } from "../model/step.js";
import { installBootUnit, removeBootUnit } from "../steps/boot-unit.js";
import { removeConfig, writeConfig } from "../steps/derived-config.js";
import { guard } from "../steps/guard.js";
import { stepOf } from "../steps/step-of.js";
import { retireStep } from "../strategies/retire.js";
import type { SwitchOver } from "../strategies/strategy.js";
import { windowStep } from "./second-switch.js";
import type { SecondSwitch } from "./second-switch.js";
import { asSeen, configsOf, takeOver } from "./take-over.js";
import type { Derived } from "./take-over.js";

/** A guest that an earlier run left on its mappings, which lie on its volumes alone. */
export interface Leaving {
  readonly domain: Domain;
  readonly config: DomainConfig;
  readonly desired: DesiredDomain;
  readonly options: MoveOptions;
  readonly switchOver: Exclude<SwitchOver, "next-reboot">;
  readonly secondSwitch: SecondSwitch;
  /** Its config with the mappings as disks, and as it stands, both with the identity that it has now. */
  readonly from: Derived;
  readonly to: Derived;
}

/** The mappings of converge's own that a running guest sits on, by vdev. */
export function mappingsOf({ running }: Domain, state: HostState): readonly { readonly vdev: string; readonly name: string; readonly path: string }[] {
  return (running?.attached ?? []).flatMap(({ vdev, params: path }) => {
    const mapping = mappingAt(path, state);
    return mapping?.table.kind === "linear" ? [{ vdev, name: mapping.name, path }] : [];
  });
}

/** It is taken over once more, from its mappings to its volumes, and the mappings go. */
export function leaveSteps({ domain, config, desired, options, switchOver, secondSwitch, from, to }: Leaving, state: HostState): readonly Step[] {
  const { name, running } = domain;
  const mappings = mappingsOf(domain, state);
  const written = configsOf({ switchOver, from, to });
  const { window, seconds } = secondSwitch;
  const across = takeOver({
    domain, desired, options, switchOver, from, to, config: config.path, commit: "later",
    guard: stepOf(
      guard, "switch", "guard",
      {
        domain: name, bootId: state.host.bootId, config: { path: config.path, sha256: config.sha256 }, images: [],
        ...(running === undefined ? {} : { running: { domid: running.domid, uuid: running.uuid } }),
        ...(switchOver === "restart" ? {} : asSeen(domain)),
      },
      "somebody may have changed something meanwhile",
    ),
    bootUnit: stepOf(
      installBootUnit, "switch", "install-boot-unit", { domain: name, mappings: mappings.map((mapping) => mapping.name) },
      "Dom0 may die while the guest is down",
    ),
    why: { down: "it is taken off the device that mirrored its disk", up: "on its volumes themselves" },
  });
  return [
    ...(window === undefined ? [] : [windowStep("prepare", { domain: name, window, seconds, disks: from.disks }, across)]),
    ...written.map((derived, at) =>
      stepOf(
        writeConfig, "prepare", `write-${String(at)}`,
        { ...derived.file, what: derived === from ? "with the mappings as disks, and no discards, for the way back" : "with the volumes as disks" },
        "for one command only",
      )),
    ...across,
    ...mappings.map(({ vdev, name: mapping }) => retireStep("settle", vdev, mapping, "nobody has it any more")),
    ...written.map((derived, at) =>
      stepOf(removeConfig, "finish", `remove-${String(at)}`, { path: derived.file.to }, "it served the run only")),
    stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain: name }, "the guest is on no mapping any more"),
  ];
}
