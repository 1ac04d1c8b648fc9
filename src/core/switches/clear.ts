import { isOf, mappingAt, mappingPath, nameOfPath } from "../model/mapping.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { safeName } from "../model/names.js";
import { servedFrom } from "../model/qemu.js";
import type { Step } from "../model/step.js";
import { clearDevice } from "../steps/clear-device.js";
import type { ClearDevice } from "../steps/clear-device.js";
import { stepOf } from "../steps/step-of.js";
import { retireStep } from "../strategies/retire.js";
import { sameVdev } from "../xl/vdev.js";
import type { DomainMove } from "./restart.js";

/**
 * What earlier runs have left on the guest's images, and this one does not go on with: a guest that was taken onto a device, or made
 * ready for it, and was then shut down and started, is on its image again, and what was laid over that stays until Dom0's next boot. It
 * would be in the way of any other strategy, whose guard finds the image in use; and what it is known by, of the end of any run.
 */
export function clearSteps({ domain, moves }: Pick<DomainMove, "domain" | "moves">, state: HostState): readonly Step[] {
  const kept = new Set(moves.flatMap(({ fragments: { mirror } }) => (mirror === undefined ? [] : [nameOfPath(mirror.onto)])));
  return idleOverImages(domain, state).filter(({ name }) => !kept.has(name)).map((device) => stepOf(
    clearDevice, "prepare", `${safeName(device.name)}.clear`, device, "an earlier run has left it over an image, and nobody has it",
  ));
}

/**
 * Devices over volumes, of disks that an earlier run has moved: a guest that is taken onto other disks leaves them by that. Where the run
 * ended well they go by themselves then. Where it died behind its commit, or its guest was saved for a reboot of Dom0, nobody sees to it.
 */
export function leftBehind({ domain, moves }: Pick<DomainMove, "domain" | "moves">, state: HostState): readonly Step[] {
  return (domain.running?.attached ?? []).flatMap(({ vdev, params }) => {
    const mapping = mappingAt(params, state);
    if (mapping?.table.kind !== "linear" || mapping.table.on.startsWith("/") || moves.some(({ move }) => sameVdev(move.change.vdev, vdev))) return [];
    return [retireStep("settle", safeName(vdev), mapping.name, "the guest has left it for its volume")];
  });
}

/** Devices of this guest's disks that it does not have, nor comes up on. */
function idleOverImages(domain: Domain, { mappings = [] }: HostState): readonly ClearDevice[] {
  const { attached = [], stored = [] } = domain.running ?? {};
  const had = new Set([...attached.flatMap((disk) => [disk.params, servedFrom(disk)]), ...stored.map(({ target }) => target)]);
  return mappings.filter(({ name }) => isOf(domain, name) && !had.has(mappingPath(name))).flatMap(({ name, table }) => {
    const image = (table.kind === "linear" ? [table.on] : [table.from, table.to]).find((leg) => leg.startsWith("/"));
    return image === undefined ? [] : [{ name, image }];
  });
}
